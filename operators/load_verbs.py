"""Verbs about load: `workload` makes a file of commands, `load` runs one through the system. Wiring only."""

from pathlib import Path
from typing import Annotated

import typer

from operators.verb import verb


def add_to(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    verb(app, "load")(load)
    verb(app, "workload")(workload)


def load(held: Annotated[tuple[int, int] | None, typer.Option("--held", hidden=True)] = None) -> int:
    """Run a workload through the running system, and report. Its settings are environment variables.

    WORKLOAD: a file, a pipe, or - for standard input. REPORT and REPORT_HTML: files to write, as JSON and as a page.
    EARLIER: a REPORT that the page compares with. RATE: commands per second; as fast as possible without it.
    REPLICAS: number of transaction workers, for the report.
    Exit codes: 0 all checks passed, 1 not, 2 misused.
    """
    from loadtest import load_test

    return load_test.main(held)


def workload(
    users: Annotated[int, typer.Option(min=1)] = 100,
    commands: Annotated[int, typer.Option(min=3, help="number of lines, the final DUMPLOG included")] = 100_000,
    symbols: Annotated[int, typer.Option(min=1)] = 981,
    seed: Annotated[int, typer.Option(help="the same seed makes the same file")] = 1,
    user_dump: Annotated[bool, typer.Option("--user-dump", help="add a user's DUMPLOG before the final one")] = False,
    output: Annotated[Path | None, typer.Option(help="file to write; default: standard output")] = None,
) -> None:
    """Make a workload file. Its commands have the statistics of the official workloads. Needs no server."""
    import sys

    from runtime.output_file import written_whole
    from schema.errors import SettingsError
    from workloads.generator import SYMBOLS_MAX, USERS_MAX, workload_lines

    if users > USERS_MAX or symbols > SYMBOLS_MAX:
        raise SettingsError(f"a workload has 1 to {USERS_MAX:,} users and 1 to {SYMBOLS_MAX:,} symbols")
    lines = workload_lines(users, commands, symbols, seed, user_dump)
    if output is None:
        sys.stdout.writelines(f"{line}\n" for line in lines)
        return
    with written_whole(output) as file:
        file.writelines(f"{line}\n".encode() for line in lines)
