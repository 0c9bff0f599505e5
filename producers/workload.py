"""A workload during a load test: its commands in order, and the number and the first of its unreadable lines."""

import time
from collections.abc import Callable, Iterator

from producers.workload_input import InputError, WorkloadInput
from producers.workload_reader import Unreadable, read_lines
from schema.commands import Command
from schema.errors import DayTradeError

UNREADABLE_SHOWN_MAX = 5

PATIENCE_SECONDS = 2.0
"""Seconds without a command until the first notice; further notices follow at five times this interval."""


class NothingToRun(DayTradeError):
    """Failure because the workload has no command in it."""


class Workload:
    """The commands of an opened input, which are read once."""

    def __init__(self, opened: WorkloadInput, source: int):
        self._opened = opened
        self.name = opened.name
        self.source = source
        """Number with which the ids of its commands begin."""
        self.lines: int | None = None
        """Number of lines; None for a pipe until it has ended."""
        self.unreadable = 0
        self.unreadable_shown: list[Unreadable] = []
        self.fault: str | None = None
        """Reason why it could not be read to its end, set when `commands` has ended; None if it could."""
        self._first: Command | None = None
        self._rest: Iterator[Command] = iter(())

    def prepare(self, notice: Callable[[str], None]) -> None:
        """Reads a file once to its end, and a pipe to its first command. Raises InputError, NothingToRun.

        It finds every fault that can be found before the run. It calls `notice` with a message if it takes long.
        """
        if self._opened.rereadable:
            self.lines = self._opened.count_lines()
        waiting = _Waiting(self.name, notice)
        self._opened.wait_with(waiting.look)
        self._rest = self._read(waiting.watched(self._opened.chunks()))
        self._first = next(self._rest, None)
        waiting.over = True
        if self._first is None:
            first = self.unreadable_shown[0] if self.unreadable_shown else None
            why = f": line {first.line_number}: {first.why}" if first else ": it is empty"
            raise NothingToRun(f"{self.name} contains no command{why}")

    def commands(self, while_waiting: Callable[[], None]) -> Iterator[Command]:
        """Yields all commands in order. If the input breaks off, it ends early and sets `fault`.

        `while_waiting` is called many times a second while a pipe has nothing to read.
        """
        assert self._first is not None, "the workload is prepared before it is read"
        self._opened.wait_with(while_waiting)
        yield self._first
        try:
            yield from self._rest
        except InputError as error:
            self.fault = str(error)

    def _read(self, chunks: Iterator[bytes]) -> Iterator[Command]:
        lines, last = 0, b"\n"

        def counted() -> Iterator[bytes]:
            nonlocal lines, last
            for chunk in chunks:
                lines += chunk.count(b"\n")
                last = chunk[-1:]
                yield chunk

        for line in read_lines(counted(), self.source):
            if isinstance(line, Command):
                yield line
                continue
            self.unreadable += 1
            if len(self.unreadable_shown) < UNREADABLE_SHOWN_MAX:
                self.unreadable_shown.append(line)
        self.lines = lines + (last != b"\n")


class _Waiting:
    """Periodic notices that no command has arrived yet."""

    def __init__(self, name: str, notice: Callable[[str], None]):
        self.over = False
        self._name = name
        self._notice = notice
        self._bytes = 0
        self._next = time.monotonic() + PATIENCE_SECONDS

    def watched(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            if not self.over:
                self._bytes += len(chunk)
                self.look()
            yield chunk

    def look(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + 5 * PATIENCE_SECONDS
        so_far = f"no command in {self._bytes / 1e6:,.1f} MB" if self._bytes else "nothing"
        self._notice(f"waiting for the first command from {self._name}: {so_far} so far")
