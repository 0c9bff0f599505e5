"""Progress display of a load test: bars on a terminal, otherwise a line every two seconds."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LINE_SECONDS = 2.0


class Bars:
    """Progress bars on a terminal. They disappear at the end, so that only the report remains."""

    def __init__(self, console: Console, lines: int | None):
        columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self.lines = lines
        """Number of lines in the workload, at which the bars are full; None while unknown."""

    def __enter__(self) -> "Bars":
        self._doing = self._progress.add_task("", total=None)
        self._published = self._progress.add_task("published", total=self.lines)
        self._executed = self._progress.add_task("executed", total=self.lines)
        self._stored = self._progress.add_task("audit entries stored", total=self.lines)
        self._progress.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def show(self, doing: str, published: int, executed: int, stored: int, entries: int) -> None:
        """Shows commands published and executed, and how many of the `entries` made so far are stored."""
        self._progress.update(self._published, completed=published, total=self.lines)
        self._progress.update(self._executed, completed=executed, total=self.lines)
        self._progress.update(self._stored, completed=stored, total=entries)
        self._progress.update(self._doing, description=doing)


class Lines:
    """Progress lines for a file or a pipe: one every two seconds, and none in a run of less than two seconds."""

    def __init__(self, console: Console, lines: int | None):
        self._console = console
        self.lines = lines
        """Number of lines in the workload; None while unknown."""
        self._next = 0.0

    def __enter__(self) -> "Lines":
        self._next = time.monotonic() + LINE_SECONDS
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def show(self, doing: str, published: int, executed: int, stored: int, entries: int) -> None:
        """Prints a progress line if one is due, with the same numbers as the bars."""
        if time.monotonic() >= self._next:
            self._next += LINE_SECONDS
            counts = f"{published:,} commands published, {executed:,} executed"
            if self.lines is not None:
                counts = f"of {self.lines:,} lines {counts}"
            self._console.print(f"{doing}: {counts}; {stored:,} of {entries:,} audit entries stored", highlight=False)


def display_for(console: Console, lines: int | None) -> Bars | Lines:
    """Returns bars for a terminal, else lines. `lines`: number of lines in the workload; None if unknown."""
    return Bars(console, lines) if console.is_terminal else Lines(console, lines)
