"""Bytes of a workload from a file, a pipe or a terminal; packed or not; in UTF-8, UTF-16 or UTF-32.

Memory is bounded for any input. `workload_reader.py` interprets the lines; nothing here knows a command.
"""

import codecs
import gzip
import io
import os
import re
import select
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Protocol, cast

try:
    from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # from Python 3.14 on
except ImportError:  # Python before 3.14
    from backports import zstd

from schema.errors import DayTradeError

CHUNK_BYTES = 1 << 18
"""Bytes per read: large enough that the cost of a read does not matter, small enough for a smooth run."""

WAIT_MS = 50
"""Milliseconds between two calls of `while_waiting` while a pipe is read."""

STANDARD_INPUT = frozenset({"-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})

UTF_8_MARK = codecs.BOM_UTF8
ENCODINGS = (
    # Longer marks come first: the UTF-32-LE mark begins with the UTF-16-LE mark.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

UNPACKERS: tuple[tuple[re.Pattern[bytes], Callable[["_Raw"], "_Readable"]], ...] = (
    (re.compile(rb"\x1f\x8b"), lambda raw: gzip.GzipFile(fileobj=cast(io.BufferedReader, raw))),
    # The second mark begins a frame without content, which some packers write first.
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"), zstd.ZstdFile),
)
"""Unpackers by the first bytes of a packed file. Its name is not used, as a pipe has none."""

MARK_BYTES = 4
"""Bytes of the longest mark of a packed file or an encoding."""

UNKNOWN_FORMATS = (
    (0, b"\xfd7zXZ\0", "packed by xz", "xz -dc {name} | make loadtest WORKLOAD=-"),
    (0, b"BZh", "packed by bzip2", "bzip2 -dc {name} | make loadtest WORKLOAD=-"),
    (0, b"PK\x03\x04", "a zip archive", "unzip -p {name} | make loadtest WORKLOAD=-"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x -so {name} | make loadtest WORKLOAD=-"),
    (257, b"ustar", "a tar archive", "tar -xOf {name} | make loadtest WORKLOAD=-"),
)
"""Unsupported formats: offset of the mark, the mark, name, remedy. Read as text they would be a few broken lines."""


class InputError(DayTradeError):
    """Failure to read the workload to its end; the text names the workload and the reason."""


class _Readable(Protocol):
    def read1(self, size: int, /) -> bytes: ...


class WorkloadInput:
    """An opened workload, to be closed. A file can be read again, a pipe only once."""

    def __init__(self, name: str):
        """Opens `name`, a path or `-` for standard input. Raises InputError."""
        # A path may hold bytes that are not UTF-8, which no message, report or database row can hold.
        self.name = "standard input" if name in STANDARD_INPUT else name.encode(errors="replace").decode()
        self.path = name
        try:
            self._raw = _Raw(self.name, _opened(name))
        except OSError as error:
            raise InputError(f"{self.name}: {error.strerror}") from error

    @property
    def rereadable(self) -> bool:
        """Whether `chunks` may be called more than once."""
        return self._raw.rereadable

    def wait_with(self, while_waiting: Callable[[], None]) -> None:
        """Sets a callback to run every WAIT_MS while a pipe is read, whether data arrives or not."""
        self._raw.while_waiting = while_waiting

    def chunks(self) -> Iterator[bytes]:
        r"""Yields the text from its beginning, unpacked, in UTF-8, with \n for every line end. Raises InputError."""
        raw = self._raw
        raw.rewind()
        try:
            yield from _with_newlines(_in_utf_8(_chunks(_unpacked(raw), self.path)))
        except (EOFError, gzip.BadGzipFile, zlib.error, zstd.ZstdError) as error:
            raise InputError(f"{self.name} is packed, and damaged or cut off: {error}") from error
        raw.require_unchanged()

    def count_lines(self) -> int:
        """Counts the lines of a file, and so checks that it can be read to its end. Raises InputError."""
        lines, last = 0, b"\n"
        for chunk in self.chunks():
            lines += chunk.count(b"\n")
            last = chunk[-1:]
        return lines + (last != b"\n")

    def close(self) -> None:
        self._raw.close()

    def __enter__(self) -> "WorkloadInput":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_workload(file: str, name: str) -> bool:
    """Whether `file` is the file that `WorkloadInput(name)` would read. Standard input may come from a file too."""
    try:
        return os.path.samestat(os.stat(file), os.fstat(0) if name in STANDARD_INPUT else os.stat(name))
    except OSError:
        return False


class _Raw:
    """A file descriptor that can be peeked at, and that runs a callback while it waits for data."""

    def __init__(self, name: str, descriptor: int):
        self.while_waiting: Callable[[], None] = lambda: None
        self._name = name
        self._descriptor = descriptor
        self._state = os.fstat(descriptor)
        self.rereadable = stat.S_ISREG(self._state.st_mode)
        # If standard input is a file, a shell may have read its beginning already.
        self._start = os.lseek(descriptor, 0, os.SEEK_CUR) if self.rereadable else 0
        self._head = b""
        self._bytes_read = 0
        self._next_call = 0.0
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)

    def peek(self, least: int) -> bytes:
        """Returns the next bytes without consuming them: at least `least`, unless the input ends before."""
        while len(self._head) < least and (more := self._take(CHUNK_BYTES)):
            self._head += more
        return self._head

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        """Reads the available bytes, at most `size`; empty at the end. Raises InputError."""
        if not self._head:
            return self._take(size)
        taken, self._head = self._head[:size], self._head[size:]
        return taken

    read1 = read

    def rewind(self) -> None:
        if self.rereadable:
            os.lseek(self._descriptor, self._start, os.SEEK_SET)
            self._head, self._bytes_read = b"", 0

    def require_unchanged(self) -> None:
        """Checks, at the end of a file, that it did not change since it was opened. Raises InputError."""
        if not self.rereadable:
            return
        state = os.fstat(self._descriptor)
        if self._start + self._bytes_read < self._state.st_size:
            raise InputError(f"{self._name} became shorter while it was read: some of its lines were not read")
        if (state.st_size, state.st_mtime_ns) != (self._state.st_size, self._state.st_mtime_ns):
            raise InputError(f"{self._name} changed while it was read: the run may be a mixture of both versions")

    def close(self) -> None:
        os.close(self._descriptor)

    def _take(self, size: int) -> bytes:
        try:
            while True:
                if not self.rereadable and not self._comes_within(WAIT_MS):
                    continue
                try:
                    chunk = os.read(self._descriptor, size)
                except BlockingIOError:
                    continue
                self._bytes_read += len(chunk)
                return chunk
        except OSError as error:
            raise InputError(f"{self._name} cannot be read: {error.strerror}") from error

    def _comes_within(self, wait_ms: int) -> bool:
        # The callback runs by the clock, even while data comes: it serves connections, and must not wait for a silence.
        if time.monotonic() >= self._next_call:
            self.while_waiting()
            self._next_call = time.monotonic() + wait_ms / 1000
        return bool(self._poll.poll(wait_ms))


def _opened(name: str) -> int:
    """Opens the input; returns its file descriptor. Raises OSError."""
    if name in STANDARD_INPUT:
        return os.dup(0)
    # Without O_NONBLOCK, opening a named pipe would block silently until somebody opens its other end.
    descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISDIR(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IsADirectoryError(0, "is a folder; a workload is a file of commands", name)
    return descriptor


def _unpacked(raw: _Raw) -> _Readable:
    head = raw.peek(MARK_BYTES)
    for mark, unpacker in UNPACKERS:
        if mark.match(head):
            return unpacker(raw)
    return raw


def _chunks(readable: _Readable, name: str) -> Iterator[bytes]:
    """Yields chunks; the first is long enough for any mark, unless the input is shorter. Raises InputError."""
    head = b""
    while len(head) < MARK_BYTES and (more := readable.read1(CHUNK_BYTES)):
        head += more
    for place, mark, what, remedy in UNKNOWN_FORMATS:
        if head.startswith(mark, place):
            raise InputError(f"{name} is {what}: unpack it first ({remedy.format(name=name)})")
    yield head
    while chunk := readable.read1(CHUNK_BYTES):
        yield chunk


def _in_utf_8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks)
    for mark, encoding in ENCODINGS:
        if first.startswith(mark):
            decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
            yield decoder.decode(first.removeprefix(mark)).encode()
            for chunk in chunks:
                yield decoder.decode(chunk).encode()
            yield decoder.decode(b"", final=True).encode()
            return
    yield first.removeprefix(UTF_8_MARK)
    yield from chunks


def _with_newlines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    r"""Yields the chunks that are not empty, with \n in place of every \r\n and every lone \r."""
    held = b""
    for chunk in chunks:
        text = held + chunk if held else chunk
        held = b""
        if b"\r" in text:
            if text.endswith(b"\r"):  # whether a \n follows is not known yet
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if text:
            yield text
    if held:
        yield b"\n"
