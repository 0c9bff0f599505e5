"""Verbs that verify or show the data of a system: verify, heads, replay, state, history, account-at. Wiring only.

They change nothing in the database they read. All but replay need only Postgres; every other process may be down.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operators.verb import MISUSED, verb

if TYPE_CHECKING:
    from verification.heads import Head

Output = Annotated[
    Path,
    typer.Argument(readable=False, help="the file to write; an earlier file is replaced once the new one is complete"),
]


def add_to(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    verb(app, "verify", failed=MISUSED)(verify)
    verb(app, "heads", failed=MISUSED)(heads)
    verb(app, "replay", failed=MISUSED)(replay)
    verb(app, "state")(state)
    verb(app, "history")(history)
    verb(app, "account-at")(account_at)


def verify(
    dump: Annotated[Path | None, typer.Option(envvar="DUMP", help="a dump file to compare with the log")] = None,
    heads_file: Annotated[
        Path | None, typer.Option("--heads", envvar="HEADS", help="a file with the saved output of `heads`")
    ] = None,
) -> int:
    """Recompute every invariant of the database.

    Exit codes: 0 all hold, 1 one is violated or nothing has run there, 2 not done.
    """
    from operators import given_servers
    from runtime import entry_point
    from schema.errors import StoreError
    from verification import verification
    from verification.screen import Screen, show

    try:
        saved = _saved(heads_file) if heads_file else []
        with Screen() as screen:
            result = verification.verify(given_servers.setting("DATABASE_URL"), dump, saved, screen)
    except OSError as error:
        raise StoreError(entry_point.described(error)) from error
    show(result.findings, result.history_rows, result.audit_entries, result.seconds)
    proves_nothing = not (result.history_rows or result.audit_entries)
    return int(proves_nothing or any(finding.violations for finding in result.findings))


def _saved(file: Path) -> "list[Head]":
    """Reads the heads that an operator saved in a file. Raises DecodeError, which names the file, and OSError."""
    from schema.errors import DecodeError
    from verification import heads as saved_heads

    try:
        return saved_heads.from_text(file.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise DecodeError(f"{file} is not a text file: {error}") from error
    except DecodeError as error:
        raise DecodeError(f"{file}: {error}") from error


def heads() -> None:
    """Print the newest link of each audit source's chain. Save the output where no writer of the database can write."""
    from operators import given_servers
    from schema.errors import StoreError
    from verification import audit_chain, snapshot
    from verification import heads as saved_heads

    with snapshot.take(given_servers.setting("DATABASE_URL")) as at_once, at_once.connection() as connection:
        name = connection.info.dbname
        newest = list(audit_chain.heads(connection))
        if not newest:
            # An empty file would prove nothing later.
            raise StoreError(f"the audit log of {name} is empty: there are no heads to save")
        title = f"heads of the audit log of {name}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        print(saved_heads.to_text(newest, title), end="")


def replay() -> int:
    """Compare the database with the state rebuilt from the streams.

    The rebuilt state stays in a separate database, named like the live one with _replay appended.
    Exit codes: 0 equal, 1 something differs, 2 not done.
    """
    import os

    from consumers.transactions.replay import screen
    from schema import settings

    return screen.replay_and_show(settings.from_environment(os.environ))


def state(file: Output) -> None:
    """Write every account as JSON. Each has its cash, positions, pending orders and trigger orders."""
    from operators import given_servers
    from verification import exports

    with given_servers.database("exports") as connection:
        exports.begin(connection)
        print(f"sha256 {exports.write_state(connection, file)}  {file}")


def history(file: Output) -> None:
    """Write every history row as JSON, one per line. The rows are in the order in which they took effect."""
    from operators import given_servers
    from verification import exports

    with given_servers.database("exports") as connection:
        exports.begin(connection)
        print(f"{exports.write_history(connection, file):,} rows  {file}")


def account_at(
    user: Annotated[str, typer.Argument(help="user id")],
    seq: Annotated[int, typer.Argument(min=0, help="number of a history row; 0 is before the first")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as `state` writes it")] = False,
) -> None:
    """Show the account of USER after history row SEQ.

    Exit codes: 0 shown, 1 there is no such row or Postgres cannot be reached, 2 misused.
    """
    import json

    from operators import given_servers
    from verification import account_at as folded

    with given_servers.database("account-at") as connection:
        account = folded.account_at(connection, user, seq)
    if as_json:
        print(json.dumps(folded.as_exported(account), indent=2))
    else:
        print("\n".join(folded.as_lines(account)))
