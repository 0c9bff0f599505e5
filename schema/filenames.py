"""Names of dump files: what may be written inside the dump folder, and what leaves it (spec §6)."""

import posixpath

FILENAME_CHARACTERS_MAX = 100

FILENAME_BYTES_MAX = 240
"""In UTF-8. File systems take 255 for each part of a path; the rest is for the suffix of a file being written."""


def dump_path(filename: str) -> str | None:
    """The relative path a DUMPLOG may write, `./` dropped; None where the name must be rejected (spec §6)."""
    if not filename or len(filename) > FILENAME_CHARACTERS_MAX or filename.startswith("/"):
        return None
    if not filename.isprintable() or "\\" in filename:
        return None
    if len(filename.encode()) > FILENAME_BYTES_MAX:
        return None
    if ".." in filename.split("/") or filename.endswith("/"):
        return None
    path = posixpath.normpath(filename)
    return None if path == "." else path
