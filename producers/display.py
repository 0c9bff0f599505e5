"""What a person sees while a load test runs: bars on a terminal, otherwise a line now and then."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

LINE_SECONDS = 2.0


class Bars:
    """For a terminal; gone when it is over, so that the report stands alone."""

    def __init__(self, console: Console, lines: int):
        columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, transient=True)
        self._lines = lines
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bars":
        self._progress.start()
        for name in ("published", "executed", "audit entries"):
            self._tasks[name] = self._progress.add_task(name, total=self._lines)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()

    def show(self, published: int, executed: int, stored: int, entries: int) -> None:
        """Commands published and executed; audit entries stored, of those that there are so far."""
        self._progress.update(self._tasks["published"], completed=published)
        self._progress.update(self._tasks["executed"], completed=executed)
        self._progress.update(self._tasks["audit entries"], completed=stored, total=max(entries, self._lines))


class Lines:
    """For a file or a pipe: one line every two seconds, none for a run that is over by then."""

    def __init__(self, console: Console, lines: int):
        self._console = console
        self._lines = lines
        self._next = 0.0

    def __enter__(self) -> "Lines":
        self._next = time.monotonic() + LINE_SECONDS
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        pass

    def show(self, published: int, executed: int, stored: int, entries: int) -> None:
        """As of the bars."""
        if time.monotonic() >= self._next:
            self._next += LINE_SECONDS
            told = f"of {self._lines:,} lines {published:,} published, {executed:,} executed"
            self._console.print(f"{told}; {stored:,} of {entries:,} audit entries stored", highlight=False)


def display_for(console: Console, lines: int) -> Bars | Lines:
    return Bars(console, lines) if console.is_terminal else Lines(console, lines)
