"""Room for dumps: how many files and bytes the dump folder and each person's own folder may hold. No SQL, no XML.

A dump that finds no room in the dump folder fails, with the limit in its reason. In a person's own folder the oldest
files make room instead: the person may ask for a new dump at any time.
"""

import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from consumers.audit.dump_store import StoredFile, WaitingDump
from schema.errors import DumpImpossible
from schema.filenames import is_in_a_persons_folder
from schema.settings import MEGABYTE, DumpLimits

COUNT_SECONDS_MAX = 30.0
"""Seconds after which files are counted anew, as others may have added or removed some."""

NEARLY_FULL = 0.9
"""Share of a limit from which files are counted for every dump, so that none is refused because of an old count."""


@dataclass
class Room:
    """Bytes that one dump may have, and the reason why it may have no more."""

    bytes_left: int
    reason: str

    def take(self, size: int) -> None:
        """Uses up `size` bytes. Raises DumpImpossible if there are not as many left."""
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise DumpImpossible(self.reason)


class DumpFolder:
    """The dump folder, its limits, and what it held when its files were last counted."""

    def __init__(self, path: Path, limits: DumpLimits):
        self.path = path
        self._limits = limits
        self._files = self._bytes = 0
        self._count_at = 0.0

    def room(self, dump: WaitingDump, target: Path) -> Room:
        """Returns the room for a dump's file. A file at `target`, which it replaces, does not count.

        Raises DumpImpossible if the folder holds as many files as it may.
        """
        if time.monotonic() >= self._count_at or self._is_nearly_full():
            self._count()
        replaced = _size(target)
        if replaced is None and self._files >= self._limits.folder_files:
            files = f"{self._limits.folder_files:,} files (DUMP_FOLDER_FILES)"
            raise DumpImpossible(f"the dump folder holds its limit of {files}: an operator has to remove some")
        left = self._limits.folder_bytes - self._bytes + (replaced or 0)
        reason = (
            f"the dump folder would exceed its limit of {_megabytes(self._limits.folder_bytes)} (DUMP_FOLDER_MB):"
            " an operator has to remove files"
        )
        if is_in_a_persons_folder(dump.filename) and self._limits.bytes_each <= left:
            left = self._limits.bytes_each
            reason = f"this log is larger than {_megabytes(left)}, the limit for one person's files (DUMP_MB_EACH)"
        return Room(left, reason)

    def put(self, draft: Path, target: Path) -> None:
        """Moves a finished file to its place. Raises OSError."""
        size, replaced = _size(draft) or 0, _size(target)
        draft.replace(target)
        self._files += replaced is None
        self._bytes += size - (replaced or 0)

    def superfluous(self, newest_first: Iterable[StoredFile]) -> Iterator[tuple[StoredFile, str]]:
        """Yields those of a person's files that exceed the limits, and files that are gone, with the reason."""
        files = size = 0
        for stored in newest_first:
            its_size = _size(self.path / stored.filename)
            if its_size is None:
                yield stored, "its file was removed from the dump folder"
                continue
            files += 1
            size += its_size
            if files > self._limits.files_each:
                yield stored, f"newer files reached the limit of {self._limits.files_each:,} files (DUMP_FILES_EACH)"
            elif size > self._limits.bytes_each:
                yield stored, f"newer files reached the limit of {_megabytes(self._limits.bytes_each)} (DUMP_MB_EACH)"

    def remove(self, stored: StoredFile) -> None:
        """Removes a file, unless a link in its path leads elsewhere. Raises OSError."""
        file = self.path.resolve() / stored.filename
        if file.parent.resolve() == file.parent:
            file.unlink(missing_ok=True)

    def _is_nearly_full(self) -> bool:
        files, size = self._limits.folder_files, self._limits.folder_bytes
        return self._files >= files * NEARLY_FULL or self._bytes >= size * NEARLY_FULL

    def _count(self) -> None:
        sizes = [_size(Path(folder, name)) for folder, _, names in os.walk(self.path) for name in names]
        there = [size for size in sizes if size is not None]
        self._files, self._bytes = len(there), sum(there)
        self._count_at = time.monotonic() + COUNT_SECONDS_MAX


def _size(path: Path) -> int | None:
    """Size of a file in bytes; None if there is none."""
    with suppress(FileNotFoundError, NotADirectoryError):
        status = path.lstat()
        return None if stat.S_ISDIR(status.st_mode) else status.st_size
    return None


def _megabytes(size: int) -> str:
    return f"{size // MEGABYTE:,} MB"
