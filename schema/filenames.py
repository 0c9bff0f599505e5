"""Names of dump files, and the check that a name stays inside the dump folder (spec §6)."""

import posixpath

FILENAME_CHARACTERS_MAX = 100

OWN_FOLDERS = "~"
"""Prefix of the names of people's own folders."""

FILENAME_BYTES_MAX = 240
"""Maximum bytes of a name in UTF-8.

File systems take 255 for each part of a path; the rest is for the suffix of a file that is being written.
"""


def own_folder(user: str) -> str:
    """Folder for the dumps that a person asks for from the web. No user's name contains a slash."""
    return f"{OWN_FOLDERS}{user}/"


def is_in_a_persons_folder(filename: str) -> bool:
    """Whether this name leads into the folder of any person."""
    return posixpath.normpath(filename).startswith(OWN_FOLDERS)


def dump_path(filename: str, user: str | None = None) -> str | None:
    """The relative path that a DUMPLOG may write, without `./`; None if the name must be rejected (spec §3a, §6).

    A dump of another user or of the whole log never enters a person's own folder, whoever published the command.
    `user`: the user whose log is dumped. That user's own folder does not count towards the limits, so people with long
    names may use the same file names as others.
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
    if path == "." or (not folder and is_in_a_persons_folder(path)):
        return None
    return folder + path
