"""`python -m rabbitmq.dead_letters list|show|requeue|discard`: what could not be read, for people to deal with.

Only the screen and its questions; how letters are taken and put back is `dead_letter_box.py`'s.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rabbitmq.connection import open_connection
from rabbitmq.dead_letter_box import LETTERS_MAX, Box, DeadLetter
from schema.errors import DayTradeError, SettingsError

FAILED, MISUSED = 1, 2

LISTED_DEFAULT = 50
BYTES_SHOWN = 32
WIDTH_OF_FILES = 160
"""Columns where there is no terminal to say."""

PATIENCE_SECONDS = 5.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=True)

Limit = Annotated[int, typer.Option(min=1, max=LETTERS_MAX, help="letters at most, the oldest first")]
Ids = Annotated[list[str] | None, typer.Option("--id", help="stream/offset, as listed; may be given again")]
All = Annotated[bool, typer.Option("--all", help="instead of --id")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


@app.command("list")
def list_command(limit: Limit = LISTED_DEFAULT) -> None:
    """Show the letters: where from, why, how large, how they begin. They stay where they are."""
    with _box() as box:
        letters = box.letters
    if not letters:
        print("There are no dead letters.")
        return
    _list(letters[:limit])
    count = len(letters) + box.left
    if count > limit:
        print(f"These are the oldest {min(limit, len(letters)):,} of {count:,}: --limit shows more")


@app.command()
def show(ids: Annotated[list[str], typer.Option("--id", help="stream/offset, as listed; may be given again")]) -> None:
    """Show letters whole: their headers, and their body, as text where it is MessagePack or text. They stay there."""
    with _box() as box:
        chosen = _chosen(box.letters, ids, LETTERS_MAX)
    for letter in chosen:
        print(f"{_plain(letter.id)}: {_plain(letter.reason)}")
        for name, value in letter.headers.items():
            print(f"  {name}: {_plain(str(value))}")
        print(f"  {len(letter.body):,} bytes, seen before {letter.returns} times")
        print(_readable(letter.body))


@app.command()
def requeue(ids: Ids = None, everything: All = False, limit: Limit = LETTERS_MAX, yes: Yes = False) -> None:
    """Publish letters to the streams they came from, and take them out. Commands done already have no effect again."""
    _deal("requeue", "requeued", Box.requeue, ids, everything, limit, yes)


@app.command()
def discard(ids: Ids = None, everything: All = False, limit: Limit = LETTERS_MAX, yes: Yes = False) -> None:
    """Take letters out for good."""
    _deal("discard", "discarded", Box.discard, ids, everything, limit, yes)


def _deal(what: str, done: str, deal, ids: list[str] | None, everything: bool, limit: int, yes: bool) -> None:
    if bool(ids) == everything:
        raise typer.BadParameter("give either --id, once or more, or --all")
    if not yes:
        with _box() as box:
            chosen = _chosen(box.letters, ids, limit)
        # Nothing is held while somebody thinks it over: what comes in meanwhile is not what was shown.
        _list(chosen)
        typer.confirm(f"{what.capitalize()} {len(chosen)} letters?", abort=True)
        ids = [letter.id for letter in chosen]
    with _box() as box:
        count = deal(box, _chosen(box.letters, ids, limit))
    print(f"{count:,} {done}" + (f"; {box.left:,} more are left: do it again" if everything and box.left else ""))


def _chosen(letters: list[DeadLetter], ids: list[str] | None, limit: int) -> list[DeadLetter]:
    """Raises NoSuchLetter where an id, or any letter at all, is not there."""
    present = {letter.id for letter in letters}
    missing = [one for one in ids or () if one not in present]
    if missing:
        raise NoSuchLetter(f"there is no dead letter {', '.join(missing)}")
    if not letters:
        raise NoSuchLetter("there are no dead letters")
    return [letter for letter in letters if not ids or letter.id in ids][:limit]


class NoSuchLetter(DayTradeError):
    """What was asked for is not in the queue."""


@contextmanager
def _box() -> Iterator[Box]:
    url = os.environ.get("AMQP_URL")
    if not url:
        raise SettingsError("AMQP_URL is not set: run `export $(make env)`")
    connection = open_connection(url, "dead-letters", PATIENCE_SECONDS)
    try:
        box = Box(connection)
        try:
            yield box
        finally:
            box.close()
    finally:
        connection.close()


def _readable(body: bytes) -> str:
    """What a program of another version may have meant, else the bytes."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, TypeError):
        message = msgspec.msgpack.decode(body)
        if isinstance(message, dict | list):
            return msgspec.json.format(msgspec.json.encode(message)).decode()
    with suppress(UnicodeDecodeError):
        return _plain(body.decode())
    return repr(body)[2:-1]


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return text if text.isprintable() else repr(text)[1:-1]


def _list(letters: list[DeadLetter]) -> None:
    table = Table("id", "reason", "bytes", "begins with", "seen before")
    for letter in letters:
        start = escape(repr(letter.body[:BYTES_SHOWN])[2:-1])
        table.add_row(letter.id, escape(letter.reason), f"{len(letter.body):,}", start, str(letter.returns))
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH_OF_FILES)).print(table)


def main() -> None:
    """Exit codes: 0 done, 1 not done, 2 misused."""
    try:
        app(prog_name="python -m rabbitmq.dead_letters")
    except DayTradeError as error:
        print(f"dead letters: {error}", file=sys.stderr)
        sys.exit(MISUSED if isinstance(error, SettingsError) else FAILED)


if __name__ == "__main__":
    main()
