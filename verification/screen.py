"""Display of a verification: its progress on stderr, and the table of findings on stdout. Decides nothing."""

import sys
import threading

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from verification.invariants import Finding
from verification.runner import Watcher

WIDTH_WITHOUT_TERMINAL = 160


class Screen(Watcher):
    """Prints a line for each check that has ended; on a terminal, also a progress line for each running check."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            TextColumn("{task.completed:>13,.0f} rows"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._ended = 0

    def __enter__(self) -> "Screen":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def started(self, name: str) -> None:
        with self._lock:
            self._tasks[name] = self._progress.add_task(name, total=None)

    def advanced(self, name: str, rows: int) -> None:
        self._progress.advance(self._tasks[name], rows)

    def ended(self, name: str, findings: list[Finding]) -> None:
        with self._lock:
            self._ended += 1
            self._progress.remove_task(self._tasks[name])
            looked = max(finding.looked for finding in findings)
            seconds = max(finding.seconds for finding in findings)
            well = "holds" if not any(finding.violations for finding in findings) else "VIOLATED"
            line = f"{self._ended:2}  {name}: {looked:,} rows in {seconds:.1f} s, {well}"
            self._console.print(line, markup=False, soft_wrap=True)


def show(findings: list[Finding], rows: int, entries: int, seconds: float) -> None:
    """Prints the table, and the verdict in a sentence, on stdout."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL, highlight=False)
    table = Table("invariant", title_justify="left")
    for heading in ("rows", "violations", "seconds"):
        table.add_column(heading, justify="right")
    table.add_column("first bad row", overflow="fold")
    for finding in findings:
        figures = (f"{finding.looked:,}", f"{finding.violations:,}", f"{finding.seconds:.2f}")
        cells = (finding.sentence, *figures, finding.first)
        table.add_row(*map(Text, cells), style="bold red" if finding.violations else "")
    console.print(table)
    for finding in findings:
        if finding.note:
            console.print(f"{finding.sentence}: {finding.note}", style="yellow", markup=False, soft_wrap=True)
    violated = sum(finding.violations > 0 for finding in findings)
    verdict = f"{violated} of {len(findings)} invariants are violated" if violated else "all invariants hold"
    if not (violated or rows or entries):
        # Every invariant holds for an empty database, but "all hold" would read like a successful run.
        console.print("nothing has run on this database, so nothing is proven", style="bold red")
        return
    console.print(
        f"{verdict}: {rows:,} history rows and {entries:,} audit entries in {seconds:.1f} s,"
        f" {rows / seconds:,.0f} history rows/s",
        style="bold red" if violated else "bold green",
    )
