"""Output files of commands: tested for writing before the work begins, and written whole or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from runtime.file_owner import cause_of, name_of
from schema.errors import SettingsError

STACK = Path(__file__).resolve().parent.parent / ".stack"
"""Folder of the private servers' data and passwords, which no output may replace."""

STANDARD_OUTPUT = frozenset({"/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
"""Names of standard output. They are not opened: it may be a pipe that another user has made, for instance `sudo`'s."""


def require_writable(path: Path, variable: str) -> None:
    """Makes the file's folder and tries to write there. Raises SettingsError, which names `variable`."""
    try:
        if str(path) in STANDARD_OUTPUT:
            os.fstat(1)
        elif path.is_dir():
            raise SettingsError(f"{variable}={path}: is a folder; name a file")
        elif _takes_the_place_of(path):
            _require_outside_of_stack(path, f"{variable}={path}")
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = _draft_of(path)
            draft.write_bytes(b"")
            draft.unlink()
            _require_replaceable(path, f"{variable}={path}")
        elif not os.access(path, os.W_OK):
            raise SettingsError(f"{variable}={path}: cannot be written: permission denied")
        elif not path.is_fifo():  # some devices and sockets refuse; opening a pipe would wait for its reader
            os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
    except OSError as error:
        raise SettingsError(f"{variable}={path}: cannot be written: {cause_of(error, path)}") from error


def require_writable_folder(path: Path, variable: str) -> None:
    """Makes the folder and tries to write into it. Raises SettingsError, which names `variable`."""
    try:
        _require_outside_of_stack(path, f"{variable}={path}")
        path.mkdir(parents=True, exist_ok=True)
        draft = path / f".daytrade-{os.getpid()}"
        draft.write_bytes(b"")
        draft.unlink()
    except (FileExistsError, NotADirectoryError) as error:
        raise SettingsError(f"{variable}={path}: a file is in the place of a folder; choose another path") from error
    except OSError as error:
        raise SettingsError(f"{variable}={path}: cannot be written into: {cause_of(error, path)}") from error


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Opens a file to write, which replaces the one at `path` when the block ends without an exception.

    After an exception, an existing file stays as it was. A device or a pipe is written to directly. Raises OSError,
    which names `path`; SettingsError if `path` lies in .stack.
    """
    if str(path) in STANDARD_OUTPUT:
        with os.fdopen(os.dup(1), "wb") as file:
            yield file
        return
    if not _takes_the_place_of(path):
        with path.open("wb") as file:
            yield file
        return
    _require_outside_of_stack(path, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft_of(path)
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path.resolve())
    except OSError as error:
        if error.filename == str(draft):  # the user does not know the draft's name
            error.filename = str(path)
        raise
    finally:
        draft.unlink(missing_ok=True)


def _takes_the_place_of(path: Path) -> bool:
    """Whether a draft can replace what is at the path: a plain file, or nothing yet. Raises OSError."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return True


def _require_replaceable(path: Path, name: str) -> None:
    """Raises SettingsError if the file is another user's in a folder (/tmp) where each user replaces only their own."""
    if path.exists():
        owner, folder = path.stat().st_uid, path.resolve().parent.stat()
        if folder.st_mode & stat.S_ISVTX and os.geteuid() not in (0, owner, folder.st_uid):
            raise SettingsError(f"{name}: cannot be replaced: it belongs to {name_of(owner)}; choose another name")


def _require_outside_of_stack(path: Path, name: str) -> None:
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(STACK)):
        raise SettingsError(
            f"{name}: lies in {STACK}, which holds the data of the servers and is removed by `make clean`;"
            " choose a place outside of it"
        )


def _draft_of(path: Path) -> Path:
    """Path of a draft beside the file itself, not beside a link to it: a rename works only within a file system."""
    return path.resolve().with_name(f".daytrade-{os.getpid()}")
