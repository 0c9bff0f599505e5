"""Names of dump files: what may be written inside the dump folder, and what leaves it (spec §6)."""

import posixpath

FILENAME_CHARACTERS_MAX = 100

OWN_FOLDERS = "~"
"""What the names of people's own folders begin with."""

FILENAME_BYTES_MAX = 240
"""In UTF-8. File systems take 255 for each part of a path; the rest is for the suffix of a file being written."""


def own_folder(user: str) -> str:
    """Where the dumps that a person asks for from the web go. Users' names have no slash."""
    return f"{OWN_FOLDERS}{user}/"


def dump_path(filename: str, user: str | None = None) -> str | None:
    """The relative path a DUMPLOG may write, `./` dropped; None where the name must be rejected (spec §6).

    `user`: whose log it is. That user's own folder does not count for the limits: with any user's name, any file name
    may be given.
    """
    folder = own_folder(user) if user is not None and filename.startswith(own_folder(user)) else ""
    name = filename.removeprefix(folder)
    if not name or len(name) > FILENAME_CHARACTERS_MAX or name.startswith("/"):
        return None
    if not name.isprintable() or "\\" in name:
        return None
    if len(name.encode()) > FILENAME_BYTES_MAX:
        return None
    if ".." in name.split("/") or name.endswith("/"):
        return None
    path = posixpath.normpath(name)
    return None if path == "." else folder + path
