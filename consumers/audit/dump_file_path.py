"""Path of a dump's file: whether the dump folder can hold it, and what an error of the file system means.

Names and folders only: nothing here knows what a dump holds, or reads the database.
"""

import contextlib
import errno
import stat
from collections.abc import Iterator
from pathlib import Path

from schema.errors import DumpImpossible
from schema.filenames import dump_path

_FOR_GOOD = {
    errno.ENAMETOOLONG: "the file name is too long for the file system",
    errno.EILSEQ: "the file system does not accept this file name",
    errno.EINVAL: "the file system does not accept this file name",
    errno.EFBIG: "the log is larger than the file system allows",
}
"""Errors that no later attempt at the same dump can avoid. All others may end when somebody repairs the folder."""

_FOR_NOW = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "the audit worker has no permission to write to the dump folder",
    errno.EPERM: "the audit worker has no permission to write to the dump folder",
    errno.EROFS: "the dump folder is read-only",
    errno.EEXIST: "a file is in the place of the dump folder",
    errno.ENOTDIR: "a file is in the place of the dump folder",
}


def prepare_path(dump_dir: Path, filename: str, user: str | None) -> Path:
    """Makes the folders for a dump's file, and returns the file's path.

    Raises DumpImpossible if the file can never be there, OSError if it cannot be there now.
    """
    if dump_path(filename, user) != filename:
        raise DumpImpossible("the file name points outside the dump folder")
    dump_dir.mkdir(parents=True, exist_ok=True)
    *folders, name = filename.split("/")
    place = dump_dir
    with refusals():
        for folder in folders:
            place = place / folder
            _make_folder(place, place.relative_to(dump_dir))
        place = place / name
        _make_room(place)
    return place


@contextlib.contextmanager
def refusals() -> Iterator[None]:
    """Turns errors that no later attempt can avoid into DumpImpossible."""
    try:
        yield
    except OSError as error:
        if error.errno in _FOR_GOOD:
            raise DumpImpossible(_FOR_GOOD[error.errno]) from error
        raise
    except UnicodeEncodeError as error:
        raise DumpImpossible("the file system does not accept this file name") from error


def why_not_now(error: OSError) -> str:
    """Reason of the failure for the person who waits for the dump. It contains no path of this machine."""
    return (
        _FOR_NOW.get(error.errno or 0) or f"the dump folder cannot be written: {error.strerror or type(error).__name__}"
    )


def _make_folder(folder: Path, name: Path) -> None:
    try:
        folder.mkdir()
    except FileExistsError:
        mode = folder.lstat().st_mode
        if stat.S_ISLNK(mode):  # it may lead out of the dump folder
            raise DumpImpossible(f"a link named {name} is in the place of its folder") from None
        if not stat.S_ISDIR(mode):
            raise DumpImpossible(f"a file named {name} is in the place of its folder") from None


def _make_room(place: Path) -> None:
    """Removes an empty folder that a failed dump left in the place. Raises DumpImpossible if it is not empty."""
    if place.is_symlink() or not place.is_dir():
        return
    try:
        place.rmdir()
    except OSError:
        raise DumpImpossible("a folder of this name is in its place") from None
