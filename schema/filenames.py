"""Names of dump files: what may be written inside the dump folder, and what leaves it (spec §6)."""

import posixpath

FILENAME_CHARACTERS_MAX = 100


def dump_path(filename: str) -> str | None:
    """The relative path a DUMPLOG may write, `./` dropped; None where the name must be rejected (spec §6)."""
    if not filename or len(filename) > FILENAME_CHARACTERS_MAX or filename.startswith("/"):
        return None
    if not filename.isprintable() or "\\" in filename:
        return None
    if ".." in filename.split("/") or filename.endswith("/"):
        return None
    path = posixpath.normpath(filename)
    return None if path == "." else path
