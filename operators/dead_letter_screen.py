"""Screen of the dead letters: the list, whole letters, and the confirmation before it publishes or discards any."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from operators import given_servers
from rabbitmq.dead_letters import store
from rabbitmq.dead_letters.returning import publish_again, whole_body
from rabbitmq.dead_letters.store import Choice, StoredLetter
from runtime.entry_point import FAILED
from schema.dead_letters import STORED_BYTES_MAX
from schema.errors import DayTradeError

DONE = 0

SHOWN_BEFORE_QUESTION = 50
"""Maximum number of letters listed before the user confirms that all chosen letters are to be handled."""

PAGE_LETTERS = 100
"""Number of letters in memory at once while they are published or discarded: at most 7 MB."""

BYTES_SHOWN = 32
WIDTH_OF_FILES = 160
"""Columns if the output is not a terminal."""

PURPOSE = "dead-letters"
PATIENCE_SECONDS = 5.0

PageHandler = Callable[[list[StoredLetter]], tuple[int, tuple[str, ...]]]
"""Handler of a page of letters. Returns how many were removed, and the reason for each one that was not."""


class Selection(NamedTuple):
    """Letters that a person wants to publish or discard: some by their ids, or all; `yes`: without a question."""

    ids: list[str] | None
    everything: bool
    limit: int | None
    yes: bool


def show_list(limit: int, after: int) -> None:
    """Shows at most `limit` letters whose number is above `after`. Raises StoreError if nothing has run."""
    behind = Choice(after=after)
    with given_servers.database(PURPOSE) as connection:
        count = store.count(connection, behind)
        letters = store.page(connection, behind, limit, BYTES_SHOWN)
        if not letters:
            given_servers.require_a_run(connection)
    if not letters:
        print("There are no dead letters" + (f" after number {after}." if after else "."))
        return
    _list(letters)
    if count > len(letters):
        print(f"{len(letters):,} of {count:,} letters, the oldest: `--after {letters[-1].number}` shows the next ones")


def show(ids: list[str], whole: bool) -> None:
    """Shows letters with their messages; `whole` reads a cut message from its stream. Raises NoSuchLetter."""
    with given_servers.database(PURPOSE) as connection:
        choice = _choice(connection, ids)
        for one in _pages(connection, choice, None, 1):
            _show(one[0], whole)


def requeue(selection: Selection, unnamed: bool) -> int:
    """Publishes letters again and removes them; returns the exit code. `unnamed`: as `returning.publish_again` has it.

    Raises NoSuchLetter, BrokerError, StoreError.
    """
    with given_servers.database(PURPOSE) as connection, given_servers.broker(PURPOSE, PATIENCE_SECONDS) as broker:

        def handle(letters: list[StoredLetter]) -> tuple[int, tuple[str, ...]]:
            returned = publish_again(broker, connection, letters, unnamed)
            return returned.count, returned.failures

        return _handle_pages(connection, "requeue", "requeued", handle, selection)


def discard(ids: list[str] | None, everything: bool, limit: int | None, yes: bool) -> int:
    """Removes letters without publishing them; returns the exit code. Raises NoSuchLetter, StoreError."""
    with given_servers.database(PURPOSE) as connection:

        def handle(letters: list[StoredLetter]) -> tuple[int, tuple[str, ...]]:
            with connection.transaction(), connection.cursor() as cursor:
                return len(store.remove(cursor, [one.number for one in letters])), ()

        return _handle_pages(connection, "discard", "discarded", handle, Selection(ids, everything, limit, yes))


def _handle_pages(
    connection: psycopg.Connection,
    what: str,
    done: str,
    handle: PageHandler,
    selection: Selection,
) -> int:
    ids, everything, limit, yes = selection
    if bool(ids) == everything:
        raise typer.BadParameter("give --id (once or more) or --all, not both")
    choice = _choice(connection, ids)
    if not yes:
        # No lock is held while the user decides. Letters that arrive meanwhile are not included.
        count = min(store.count(connection, choice), limit or sys.maxsize)
        _list(store.page(connection, choice, min(count, SHOWN_BEFORE_QUESTION), BYTES_SHOWN))
        if not typer.confirm(f"{what.capitalize()} {count:,} letters?"):
            print(f"dead-letters {what}: nothing was changed", file=sys.stderr)
            return FAILED
    gone = 0
    failures: list[str] = []
    try:
        for letters in _pages(connection, choice, limit, PAGE_LETTERS):
            count, why_not = handle(letters)
            gone += count
            failures += why_not
    finally:
        print(f"{gone:,} {done}")
    for reason in failures:
        print(f"dead-letters: {reason}", file=sys.stderr)
    return FAILED if failures else DONE


def _choice(connection: psycopg.Connection, ids: list[str] | None) -> Choice:
    """Chooses the letters with these ids, or all that exist. Raises NoSuchLetter if one is missing or none exists."""
    choice = Choice(tuple(map(_stream_offset, ids)) if ids else None, until=store.newest_number(connection))
    if not store.count(connection, choice):
        given_servers.require_a_run(connection)
        raise NoSuchLetter(f"there is no dead letter {', '.join(ids)}" if ids else "there are no dead letters")
    for one in ids or ():
        if not store.count(connection, replace(choice, offsets=(_stream_offset(one),))):
            raise NoSuchLetter(f"there is no dead letter {one}")
    return choice


def _stream_offset(text: str) -> tuple[str, int]:
    stream, _, offset = text.rpartition("/")
    if not (stream and offset.isascii() and offset.isdecimal() and int(offset) < 2**63):
        raise NoSuchLetter(f"there is no dead letter {text}: an id has the form stream/offset, as `list` shows it")
    return stream, int(offset)


class NoSuchLetter(DayTradeError):
    """Failure because there is no dead letter with that id, or none at all."""


def _pages(
    connection: psycopg.Connection, choice: Choice, limit: int | None, size: int
) -> Iterator[list[StoredLetter]]:
    """Yields pages of the chosen letters, oldest first. The caller may remove a page's letters before the next page."""
    left = limit or sys.maxsize
    while left and (letters := store.page(connection, choice, min(size, left), STORED_BYTES_MAX)):
        yield letters
        left -= len(letters)
        choice = replace(choice, after=letters[-1].number)


def _show(one: StoredLetter, whole: bool) -> None:
    letter, body = one.letter, one.letter.body
    if whole and not letter.is_whole:
        with given_servers.broker(PURPOSE, PATIENCE_SECONDS) as broker:
            body = whole_body(broker, letter)
    print(f"{letter.id}: {letter.reason}")
    print(f"  given up at {_moment(one.given_up_at_ms)}")
    if len(body) == letter.size_bytes:
        print(f"  {letter.size_bytes:,} bytes")
    else:
        print(f"  {letter.size_bytes:,} bytes, of which these are the first {len(body):,}: `--whole` shows all of them")
    print(_readable(body))


def _readable(body: bytes) -> str:
    """Returns the message as JSON if it is MessagePack, else as text, else as escaped bytes."""
    with suppress(msgspec.MsgspecError, UnicodeDecodeError, TypeError, RecursionError):
        message = msgspec.msgpack.decode(body)
        if isinstance(message, dict | list):
            return msgspec.json.format(msgspec.json.encode(message)).decode()
    with suppress(UnicodeDecodeError):
        return _plain(body.decode())
    return repr(body)[2:-1]


def _plain(text: str) -> str:
    """Escapes text that contains control characters, so that a terminal does not obey them."""
    return text if text.isprintable() else repr(text)[1:-1]


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _list(letters: list[StoredLetter]) -> None:
    table = Table("number", "id", "reason", "bytes", "begins with", "given up at")
    for one in letters:
        letter = one.letter
        start = escape(repr(letter.body[:BYTES_SHOWN])[2:-1])
        size, at = f"{letter.size_bytes:,}", _moment(one.given_up_at_ms)
        table.add_row(str(one.number), letter.id, escape(letter.reason), size, start, at)
    console = Console()
    (console if console.is_terminal else Console(width=WIDTH_OF_FILES)).print(table)
