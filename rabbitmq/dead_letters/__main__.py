"""`python -m rabbitmq.dead_letters list|show|requeue|discard`: people deal with messages that could not be read.

Only the screen and its questions.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from database import postgres
from rabbitmq.connection import Connection, open_connection
from rabbitmq.dead_letters import store
from rabbitmq.dead_letters.returning import publish_again, whole_body
from rabbitmq.dead_letters.store import Choice, KeptLetter
from runtime import entry_point
from schema.dead_letters import KEPT_BYTES_MAX
from schema.errors import DayTradeError, SettingsError

DONE, FAILED, MISUSED = 0, 1, 2

LISTED_DEFAULT, LISTED_MAX = 50, 1_000
"""Letters that one list shows. `--after` shows those behind them."""

PAGE_LETTERS = 100
"""Letters that are in memory at once while they are dealt with: 7 MB."""

BYTES_SHOWN = 32
WIDTH_OF_FILES = 160
"""Columns where there is no terminal to say."""

PATIENCE_SECONDS = 5.0

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Option("--id", help="stream/offset, as listed; may be given again")]
All = Annotated[bool, typer.Option("--all", help="instead of --id")]
Limit = Annotated[int | None, typer.Option(min=1, help="letters at most, the oldest first")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]

Deal = Callable[[list[KeptLetter]], tuple[int, tuple[str, ...]]]
"""Deals with a page of letters: how many are gone now, and why each of the others is not."""


@app.command("list")
def list_command(
    limit: Annotated[int, typer.Option(min=1, max=LISTED_MAX, help="letters at most, the oldest first")] = (
        LISTED_DEFAULT
    ),
    after: Annotated[int, typer.Option(min=0, help="only letters behind this number")] = 0,
) -> None:
    """Show the letters: where from, why, how large, how they begin. They stay where they are."""
    behind = Choice(after=after)
    with _database() as connection:
        count = store.count(connection, behind)
        letters = store.page(connection, behind, limit, BYTES_SHOWN)
    if not letters:
        print("There are no dead letters" + (f" behind number {after}." if after else "."))
        return
    _list(letters)
    if count > len(letters):
        print(f"{len(letters):,} of {count:,} letters, the oldest: `--after {letters[-1].number}` shows the next ones")


@app.command()
def show(
    ids: Annotated[list[str], typer.Option("--id", help="stream/offset, as listed; may be given again")],
    whole: Annotated[bool, typer.Option("--whole", help="get what is not kept here from the stream")] = False,
) -> None:
    """Show letters: their reason, and their message, as text where it is MessagePack or text. They stay there."""
    with _database() as connection:
        choice = _choice(connection, ids)
        for one in _pages(connection, choice, None, 1):
            _show(one[0], whole)


@app.command()
def requeue(ids: Ids = None, everything: All = False, limit: Limit = None, yes: Yes = False) -> None:
    """Publish letters to the streams they came from, and remove them. Commands done already have no effect again."""
    with _database() as connection, _broker() as broker:

        def deal(letters: list[KeptLetter]) -> tuple[int, tuple[str, ...]]:
            returned = publish_again(broker, connection, letters)
            return returned.count, returned.kept

        _deal(connection, "requeue", "requeued", deal, ids, everything, limit, yes)


@app.command()
def discard(ids: Ids = None, everything: All = False, limit: Limit = None, yes: Yes = False) -> None:
    """Remove letters for good."""
    with _database() as connection:

        def deal(letters: list[KeptLetter]) -> tuple[int, tuple[str, ...]]:
            with connection.transaction(), connection.cursor() as cursor:
                return len(store.remove(cursor, [one.number for one in letters])), ()

        _deal(connection, "discard", "discarded", deal, ids, everything, limit, yes)


def _deal(
    connection: psycopg.Connection,
    what: str,
    done: str,
    deal: Deal,
    ids: list[str] | None,
    everything: bool,
    limit: int | None,
    yes: bool,
) -> None:
    if bool(ids) == everything:
        raise typer.BadParameter("give either --id, once or more, or --all")
    choice = _choice(connection, ids)
    if not yes:
        # Nothing is held while somebody thinks it over, and what comes in meanwhile is not meant.
        count = min(store.count(connection, choice), limit or sys.maxsize)
        _list(store.page(connection, choice, min(count, LISTED_DEFAULT), BYTES_SHOWN))
        typer.confirm(f"{what.capitalize()} {count:,} letters?", abort=True)
    gone = 0
    kept: list[str] = []
    try:
        for letters in _pages(connection, choice, limit, PAGE_LETTERS):
            count, why_not = deal(letters)
            gone += count
            kept += why_not
    finally:
        print(f"{gone:,} {done}")
    for reason in kept:
        print(f"dead letters: {reason}", file=sys.stderr)
    if kept:
        raise typer.Exit(FAILED)


def _choice(connection: psycopg.Connection, ids: list[str] | None) -> Choice:
    """Those of these ids, or all that there are now. Raises NoSuchLetter where one, or any at all, is not there."""
    choice = Choice(tuple(map(_place, ids)) if ids else None, until=store.newest_number(connection))
    if not store.count(connection, choice):
        raise NoSuchLetter(f"there is no dead letter {', '.join(ids)}" if ids else "there are no dead letters")
    for one in ids or ():
        if not store.count(connection, replace(choice, places=(_place(one),))):
            raise NoSuchLetter(f"there is no dead letter {one}")
    return choice


def _place(text: str) -> tuple[str, int]:
    stream, _, offset = text.rpartition("/")
    if not (stream and offset.isascii() and offset.isdecimal() and int(offset) < 2**63):
        raise NoSuchLetter(f"there is no dead letter {text}: letters are named stream/offset, as listed")
    return stream, int(offset)


class NoSuchLetter(DayTradeError):
    """Nothing of that name, or nothing at all, is among the dead letters."""


def _pages(connection: psycopg.Connection, choice: Choice, limit: int | None, size: int) -> Iterator[list[KeptLetter]]:
    """The letters that are meant, the oldest first, some at a time. Those dealt with may be gone by the next page."""
    left = limit or sys.maxsize
    while left and (letters := store.page(connection, choice, min(size, left), KEPT_BYTES_MAX)):
        yield letters
        left -= len(letters)
        choice = replace(choice, after=letters[-1].number)


@contextmanager
def _database() -> Iterator[psycopg.Connection]:
    with postgres.translated(), postgres.connect(_setting("DATABASE_URL"), "dead-letters") as connection:
        yield connection


@contextmanager
def _broker() -> Iterator[Connection]:
    connection = open_connection(_setting("AMQP_URL"), "dead-letters", PATIENCE_SECONDS)
    try:
        yield connection
    finally:
        connection.close()


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SettingsError(f"{name} is not set: run `export $(make env)`")
    return value


def _show(one: KeptLetter, whole: bool) -> None:
    letter, body = one.letter, one.letter.body
    if whole and not letter.is_whole:
        with _broker() as broker:
            body = whole_body(broker, letter)
    print(f"{letter.id}: {letter.reason}")
    print(f"  given up at {_moment(one.given_up_at_ms)}")
    if len(body) == letter.size_bytes:
        print(f"  {letter.size_bytes:,} bytes")
    else:
        print(f"  {letter.size_bytes:,} bytes, of which these are the first {len(body):,}: `--whole` shows all of them")
    print(_readable(body))


def _readable(body: bytes) -> str:
    """What a program of another version may have meant, else the bytes."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError):
        message = msgspec.msgpack.decode(body)
        if isinstance(message, dict | list):
            return msgspec.json.format(msgspec.json.encode(message)).decode()
    with suppress(UnicodeDecodeError):
        return _plain(body.decode())
    return repr(body)[2:-1]


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return text if text.isprintable() else repr(text)[1:-1]


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _list(letters: list[KeptLetter]) -> None:
    table = Table("number", "id", "reason", "bytes", "begins with", "given up at")
    for one in letters:
        letter = one.letter
        start = escape(repr(letter.body[:BYTES_SHOWN])[2:-1])
        size, at = f"{letter.size_bytes:,}", _moment(one.given_up_at_ms)
        table.add_row(str(one.number), letter.id, escape(letter.reason), size, start, at)
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH_OF_FILES)).print(table)


def main() -> int:
    """Exit codes: 0 done, 1 not done, 2 misused."""
    try:
        app(prog_name="python -m rabbitmq.dead_letters")
    except DayTradeError as error:
        print(f"dead letters: {error}", file=sys.stderr)
        return MISUSED if isinstance(error, SettingsError) else FAILED
    return DONE


if __name__ == "__main__":
    entry_point.run("dead letters", main)
