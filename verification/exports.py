"""Exports the state and the history from the database, so that anyone can check this system.

Canonical: the same database gives the same bytes. Reads only; works with every other process down.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import psycopg
from psycopg.rows import DictRow, dict_row

from database.postgres import only_row
from runtime.output_file import written_whole
from schema.errors import StoreError

ROWS_PER_FETCH = 10_000


class ExportedAccount(TypedDict):
    """An opened account as `make state` exports it. `positions`: by symbol; orders: by their columns' names."""

    cash_cents: int
    reserved_cents: int
    positions: dict[str, dict[str, int]]
    pending_orders: list[DictRow]
    trigger_orders: list[DictRow]


def state(connection: psycopg.Connection) -> dict[str, ExportedAccount]:
    """Every opened account by user: cash, reserved, positions that are not empty, pending orders, trigger orders."""
    users: dict[str, ExportedAccount] = {}
    for user, cash, reserved in connection.execute(_ACCOUNTS):
        users[user] = {
            "cash_cents": cash,
            "reserved_cents": reserved,
            "positions": {},
            "pending_orders": [],
            "trigger_orders": [],
        }
    for user, symbol, shares, reserved in connection.execute(_POSITIONS):
        users[user]["positions"][symbol] = {"shares": shares, "reserved": reserved}
    with connection.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(_PENDING):
            users[row.pop("user_id")]["pending_orders"].append(row)
        for row in cursor.execute(_TRIGGERS):
            users[row.pop("user_id")]["trigger_orders"].append(row)
    return users


def history(connection: psycopg.Connection) -> Iterator[DictRow]:
    """Yields every history row by user and seq, the order of effect; reads with a server-side cursor."""
    with connection.cursor("history", row_factory=dict_row) as cursor:
        cursor.itersize = ROWS_PER_FETCH
        yield from cursor.execute(_HISTORY)


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no white space, so that equal values have equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def write_state(connection: psycopg.Connection, path: Path) -> str:
    """Writes the state, or nothing if that fails; returns its SHA-256, hexadecimal. Raises OSError."""
    content = canonical(state(connection)) + b"\n"
    with written_whole(path) as file:
        file.write(content)
    return hashlib.sha256(content).hexdigest()


def write_history(connection: psycopg.Connection, path: Path) -> int:
    """Writes the history, one object a line, or nothing if that fails; returns the number of lines. Raises OSError."""
    count = 0
    with written_whole(path) as file:
        for row in history(connection):
            file.write(canonical(row) + b"\n")
            count += 1
    return count


def begin(connection: psycopg.Connection) -> None:
    """Makes the connection read one snapshot, without a time limit. Raises StoreError if nothing has run."""
    # Without one snapshot for all queries, each would see another state of a live system.
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    connection.execute("SET LOCAL statement_timeout = 0")
    _require_something(connection)


def _require_something(connection: psycopg.Connection) -> None:
    """Raises StoreError if nothing has run, because an empty export would look like that of a run."""
    if not only_row(connection.execute(_ANYTHING))[0]:
        raise StoreError(f"nothing has run on the database {connection.info.dbname}, so there is nothing to write")


_ANYTHING = "SELECT EXISTS (SELECT FROM history) OR EXISTS (SELECT FROM accounts)"

_ACCOUNTS = 'SELECT user_id, cash_cents, reserved_cents FROM accounts WHERE opened ORDER BY user_id COLLATE "C"'

_POSITIONS = """
    SELECT user_id, symbol, shares, reserved_shares FROM positions
    WHERE shares > 0 OR reserved_shares > 0 ORDER BY user_id COLLATE "C", symbol COLLATE "C\""""

_PENDING = """
    SELECT user_id, seq, side::text, symbol, shares, price_cents, expires_at_ms, transaction_number AS transaction
    FROM pending_orders ORDER BY user_id COLLATE "C", seq"""

_TRIGGERS = """
    SELECT user_id, symbol, side::text, amount_cents, trigger_cents, reserved_cents, reserved_shares,
           transaction_number AS transaction
    FROM trigger_orders ORDER BY user_id COLLATE "C", symbol COLLATE "C", side"""

_HISTORY = """
    SELECT nullif(user_id, '') AS "user", seq, kind::text, transaction_number AS transaction, command::text, symbol,
           amount_cents, price_cents, outcome::text, reason::text, cash_delta_cents, reserved_delta_cents,
           shares_delta, reserved_shares_delta, at_ms, shares, order_seq, newest_order_seq
    FROM history ORDER BY history.user_id COLLATE "C", seq"""
