"""What a person sees while a load test runs: bars on a terminal, otherwise a line now and then."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

LINE_SECONDS = 2.0


class Bars:
    """For a terminal; gone when it is over, so that the report stands alone."""

    def __init__(self, console: Console, lines: int | None):
        columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self.lines = lines
        """What the bars run to; None while that is not known."""

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
        """Commands published and executed; audit entries stored, of those that there are so far."""
        self._progress.update(self._published, completed=published, total=self.lines)
        self._progress.update(self._executed, completed=executed, total=self.lines)
        self._progress.update(self._stored, completed=stored, total=entries)
        self._progress.update(self._doing, description=doing)


class Lines:
    """For a file or a pipe: one line every two seconds, none for a run that is over by then."""

    def __init__(self, console: Console, lines: int | None):
        self._console = console
        self.lines = lines
        """As of the bars."""
        self._next = 0.0

    def __enter__(self) -> "Lines":
        self._next = time.monotonic() + LINE_SECONDS
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def show(self, doing: str, published: int, executed: int, stored: int, entries: int) -> None:
        """As of the bars."""
        if time.monotonic() >= self._next:
            self._next += LINE_SECONDS
            told = f"{published:,} commands published, {executed:,} executed"
            if self.lines is not None:
                told = f"of {self.lines:,} lines {told}"
            self._console.print(f"{doing}: {told}; {stored:,} of {entries:,} audit entries stored", highlight=False)


def display_for(console: Console, lines: int | None) -> Bars | Lines:
    """As suits where the output goes. `lines` of the workload: what the bars run to; None where nobody knows."""
    return Bars(console, lines) if console.is_terminal else Lines(console, lines)
