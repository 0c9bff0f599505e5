"""`python -m verification verify|heads`: judges a database, or prints what to keep elsewhere. Wiring only.

Reads only; works with every other process down.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from runtime import entry_point
from schema.errors import DayTradeError, DecodeError, SettingsError, StoreError
from verification import audit_chain, heads, snapshot
from verification.screen import Screen, show
from verification.verification import verify

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=True)


@app.command("verify")
def verify_command(
    dump: Annotated[Path | None, typer.Option(envvar="DUMP", help="a dump file to hold against the log")] = None,
    heads_file: Annotated[
        Path | None, typer.Option("--heads", envvar="HEADS", help="heads that were kept elsewhere")
    ] = None,
) -> None:
    """Recompute every invariant of the database at DATABASE_URL; exit 1 where one is violated, or nothing is there."""
    kept = _kept(heads_file) if heads_file else []
    with Screen() as screen:
        result = verify(_database_url(), dump, kept, screen)
    show(result.findings, result.history_rows, result.audit_entries, result.seconds)
    proves_nothing = not (result.history_rows or result.audit_entries)
    raise typer.Exit(proves_nothing or any(finding.violations for finding in result.findings))


@app.command("heads")
def heads_command() -> None:
    """Print the newest link of each source's chain, to be kept where nobody who can write the database can write."""
    with snapshot.take(_database_url()) as state, state.connection() as connection:
        name = connection.info.dbname
        newest = list(audit_chain.heads(connection))
        if not newest:
            # An empty file that somebody keeps would prove nothing later.
            raise StoreError(f"the audit log of {name} is empty: it has no heads to keep")
        said = f"heads of the audit log of {name}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        print(heads.to_text(newest, said), end="")


def _kept(file: Path) -> list[heads.Head]:
    """Raises DecodeError, which names the file; OSError."""
    try:
        return heads.from_text(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise DecodeError(f"{file} is no text: {error}") from error
    except DecodeError as error:
        raise DecodeError(f"{file}: {error}") from error


def _database_url() -> str:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SettingsError("DATABASE_URL is not set: run `export $(make env)`")
    return url


def main() -> int:
    try:
        return app(prog_name="python -m verification", standalone_mode=False) or 0
    except TyperException as error:
        print(error.format_message(), file=sys.stderr)
        return 2
    except typer.Abort:
        return 130
    except DayTradeError as error:
        print(f"verification: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"verification: {entry_point.described(error)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    entry_point.run("verification", main)
