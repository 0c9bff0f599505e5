"""Accounts in Postgres: loading them, looking commands up, and writing a batch in one transaction.

The only SQL of the hot path. It knows no rules: it writes what the batch says, and constraints in `tables.py` check it.
"""

from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter

import psycopg

from consumers.transactions.account import Account, DecidedRow, Decision, PendingOrder, Position, TriggerOrder
from consumers.transactions.batch import Batch
from consumers.transactions.intake import HEAD_BYTES, ID_BYTES
from database.postgres import only_row
from ownership import outbox, partitions
from ownership.partitions import Ownership
from rabbitmq.dead_letters import store as dead_letter_store
from rabbitmq.publisher import Outgoing
from runtime.faults import strike
from schema.commands import PARTITIONS
from schema.errors import SettingsError, StoreError
from schema.events import Reply
from schema.outcomes import Outcome, Reason, Side

GROUP = "transactions"

_NULL = r"\N"

_LEAST, _GREATEST = b"\x00" * (ID_BYTES - HEAD_BYTES), b"\xff" * (ID_BYTES - HEAD_BYTES)
"""Last bytes of the least and of the greatest id that a source can give."""


class AlreadyDone(StoreError):
    """A command of the batch is in the history already: its message must be looked up before it is run."""


def commit(
    connection: psycopg.Connection,
    batch: Batch,
    ownerships: Iterable[Ownership],
    messages: Mapping[int, list[Outgoing]],
) -> None:
    """Stores effects, history, dead letters, places in the logs and outgoing messages, all or nothing.

    Raises Fenced, AlreadyDone, and psycopg.Error if the database cannot be reached.
    """
    try:
        with connection.transaction(), connection.cursor() as cursor:
            partitions.fence(cursor, GROUP, ownerships)
            if batch.rows:
                _write_accounts(cursor, batch)
                _write_positions(cursor, batch)
                _write_pending(cursor, batch)
                _write_triggers(cursor, batch)
                _write_history(cursor, batch.rows)
            dead_letter_store.keep(cursor, [letter for output in batch.outputs.values() for letter in output.dead])
            if messages:
                outbox.replace(cursor, GROUP, messages)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name == "history_command_id_key":
            raise AlreadyDone(error.diag.message_detail or str(error)) from error
        raise


def load(connection: psycopg.Connection, users: Iterable[str]) -> list[Account]:
    """Loads the accounts of these users with positions and orders. A user without one gets a new, unopened one."""
    accounts = {user: Account(user) for user in users}
    keys = (list(accounts),)
    with connection.transaction(), connection.cursor() as cursor:
        for user, *values in cursor.execute(_LOAD_ACCOUNTS, keys):
            account = accounts[user]
            account.opened, account.cash_cents, account.reserved_cents, account.history_seq = values
        for user, symbol, shares, reserved in cursor.execute(_LOAD_POSITIONS, keys):
            accounts[user].positions[symbol] = Position(shares, reserved)
        for user, seq, side, *values in cursor.execute(_LOAD_PENDING, keys):
            accounts[user].stack(Side(side)).append(PendingOrder(seq, Side(side), *values))
        for user, symbol, side, *values in cursor.execute(_LOAD_TRIGGERS, keys):
            accounts[user].triggers[symbol, Side(side)] = TriggerOrder(symbol, Side(side), *values)
    return list(accounts.values())


def plan_by_keys(connection: psycopg.Connection) -> None:
    """Makes Postgres look rows up by their keys in this session, and never scan a table for them.

    A worker's session keeps the plans that it made while the tables were nearly empty. They scan whole tables, which
    then grow, and Postgres plans anew only when it gathers statistics, a minute later.
    """
    with connection.transaction():
        connection.execute(_PLAN_BY_KEYS)


def check_partitions(connection: psycopg.Connection) -> None:
    """Raises SettingsError if the database was made for another number of partitions: users would change logs."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM partitions WHERE consumer_group = %s", (GROUP,))
        (count,) = only_row(cursor)
    if count != PARTITIONS:
        raise SettingsError(f"the database has {count} partitions, but this version of Day Trade needs {PARTITIONS}")


def users_with_pending(connection: psycopg.Connection) -> list[str]:
    """Users who have a pending order: it must expire even if its user never sends another command."""
    with connection.transaction(), connection.cursor() as cursor:
        return [user for (user,) in cursor.execute("SELECT DISTINCT user_id FROM pending_orders")]


def newest_ids(
    connection: psycopg.Connection, sources: Collection[tuple[str, bytes]]
) -> dict[tuple[str, bytes], bytes]:
    """Greatest command id in the history of each user and source (an id's leading bytes) that has any."""
    rows = [(user, head + _LEAST, head + _GREATEST) for user, head in sources]
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        cursor.execute(_NEWEST_IDS, tuple(_columns(rows)))
        return {(user, command_id[:HEAD_BYTES]): command_id for user, command_id in cursor}


def answers(connection: psycopg.Connection, keys: Collection[tuple[str, bytes]]) -> dict[tuple[str, bytes], Reply]:
    """Outcomes of those commands, named by user and id, that are in the history."""
    with connection.transaction(), connection.cursor(binary=True) as cursor:
        cursor.execute(_ANSWERS, tuple(_columns(keys)))
        return {
            (user, command_id): Reply(
                command_id, user or None, seq, Outcome(outcome), Reason(reason) if reason else None, *values
            )
            for user, command_id, seq, outcome, reason, *values in cursor
        }


def _write_accounts(cursor: psycopg.Cursor, batch: Batch) -> None:
    rows = [(a.user, a.opened, a.cash_cents, a.reserved_cents, a.history_seq) for a in batch.accounts.values()]
    cursor.execute(_UPSERT_ACCOUNTS, _columns(rows))


def _write_positions(cursor: psycopg.Cursor, batch: Batch) -> None:
    if batch.positions:
        rows = []
        for user, symbol in batch.positions:
            position = batch.accounts[user].positions[symbol]
            rows.append((user, symbol, position.shares, position.reserved_shares))
        cursor.execute(_UPSERT_POSITIONS, _columns(rows))


def _write_pending(cursor: psycopg.Cursor, batch: Batch) -> None:
    if batch.closed:
        cursor.execute(_DELETE_PENDING, _columns(batch.closed))
    if batch.opened:
        rows = [
            (user, o.seq, o.side, o.symbol, o.shares, o.price_cents, o.expires_at_ms, o.transaction_number)
            for (user, _), o in batch.opened.items()
        ]
        cursor.execute(_INSERT_PENDING, _columns(rows))


def _write_triggers(cursor: psycopg.Cursor, batch: Batch) -> None:
    there, gone = [], []
    for user, key in batch.triggers:
        order = batch.accounts[user].triggers.get(key)
        if order is None:
            gone.append((user, *key))
        else:
            amounts = (order.amount_cents, order.trigger_cents, order.reserved_cents, order.reserved_shares)
            there.append((user, *key, *amounts, order.version, order.transaction_number))
    if gone:
        cursor.execute(_DELETE_TRIGGERS, _columns(gone))
    if there:
        cursor.execute(_UPSERT_TRIGGERS, _columns(there))


def _write_history(cursor: psycopg.Cursor, rows: list[DecidedRow]) -> None:
    # A user's rows go next to each other, still in the order of effect: so the indexes, whose keys begin with the user,
    # take them on the same pages. That saves Postgres a fifth of the COPY.
    by_user = sorted(rows, key=attrgetter("user"))
    text = "".join(map(_history_line, by_user))  # before COPY begins: no timeout of Postgres ends a COPY
    with cursor.copy(_COPY_HISTORY) as copy:
        copy.write(text)
        strike("in-copy")


def _history_line(row: DecidedRow) -> str:
    # Text format of COPY. No field can hold a tab, newline or backslash: users, symbols and names are checked.
    # `_value_` and tests for None in place, because enums' __format__ and a function call cost 0.3 µs a row more.
    d = row.decision
    symbol, amount, price, quote_id, waited = d.symbol, d.amount_cents, d.price_cents, d.quote_id, row.waited_since_ms
    return (
        f"{row.user}\t{row.seq}\t{d.kind._value_}\t\\\\x{row.command_id.hex()}\t{d.transaction_number}"
        f"\t{d.command._value_}\t{_NULL if symbol is None else symbol}\t{_NULL if amount is None else amount}"
        f"\t{_NULL if price is None else price}\t{d.outcome._value_}"
        f"\t{_NULL if d.reason is None else d.reason._value_}"
        f"\t{d.cash_delta_cents}\t{d.reserved_delta_cents}\t{d.shares_delta}\t{d.reserved_shares_delta}"
        f"\t{_NULL if quote_id is None else quote_id}\t{row.published_at_ms}\t{row.at_ms}"
        f"\t{_NULL if waited is None else waited}{_named(d)}\n"
    )


def _named(decision: Decision) -> str:
    if decision.shares is None and decision.order_seq is None:
        return "\t\\N\t\\N\t\\N"  # as in every command of a workload file
    named = (decision.shares, decision.order_seq, decision.newest_order_seq)
    return "".join(f"\t{_NULL if value is None else value}" for value in named)


def _columns(rows: Iterable[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


_LOAD_ACCOUNTS = """
    SELECT user_id, opened, cash_cents, reserved_cents, history_seq FROM accounts WHERE user_id = ANY(%s)"""

_LOAD_POSITIONS = "SELECT user_id, symbol, shares, reserved_shares FROM positions WHERE user_id = ANY(%s)"

_LOAD_PENDING = """
    SELECT user_id, seq, side, symbol, shares, price_cents, expires_at_ms, transaction_number
    FROM pending_orders WHERE user_id = ANY(%s) ORDER BY user_id, seq"""

_LOAD_TRIGGERS = """
    SELECT user_id, symbol, side, amount_cents, trigger_cents, reserved_cents, reserved_shares, version,
           transaction_number
    FROM trigger_orders WHERE user_id = ANY(%s)"""

# One LIMIT query per row: with a join, a statement that was prepared while the table was small would read the whole
# table for as long as the connection lives (150 ms at 300,000 rows). Ids travel in binary: as text, each costs the
# client 3 µs more.
_NEWEST_IDS = """
    SELECT s.user_id, h.command_id FROM unnest(%s::text[], %b::bytea[], %b::bytea[]) AS s(user_id, least, greatest)
    CROSS JOIN LATERAL (
        SELECT command_id FROM history WHERE user_id = s.user_id AND command_id BETWEEN s.least AND s.greatest
        ORDER BY command_id DESC LIMIT 1) h"""

_ANSWERS = """
    SELECT c.user_id, c.command_id, h.*
    FROM unnest(%s::text[], %b::bytea[]) AS c(user_id, command_id) CROSS JOIN LATERAL (
        SELECT seq, outcome::text, reason::text, symbol, amount_cents, price_cents, at_ms, newest_order_seq
        FROM history
        WHERE user_id = c.user_id AND command_id = c.command_id LIMIT 1) h"""

_PLAN_BY_KEYS = """
    SELECT set_config(name, 'off', false)
    FROM unnest(ARRAY['enable_seqscan', 'enable_hashjoin', 'enable_mergejoin']) AS name"""

_UPSERT_ACCOUNTS = """
    INSERT INTO accounts (user_id, opened, cash_cents, reserved_cents, history_seq)
    SELECT * FROM unnest(%s::text[], %s::bool[], %s::bigint[], %s::bigint[], %s::bigint[])
    ON CONFLICT (user_id) DO UPDATE SET opened = excluded.opened, cash_cents = excluded.cash_cents,
        reserved_cents = excluded.reserved_cents, history_seq = excluded.history_seq"""

_UPSERT_POSITIONS = """
    INSERT INTO positions (user_id, symbol, shares, reserved_shares)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[])
    ON CONFLICT (user_id, symbol) DO UPDATE SET shares = excluded.shares, reserved_shares = excluded.reserved_shares"""

_DELETE_PENDING = """
    DELETE FROM pending_orders p USING unnest(%s::text[], %s::bigint[]) AS gone(user_id, seq)
    WHERE p.user_id = gone.user_id AND p.seq = gone.seq"""

_INSERT_PENDING = """
    INSERT INTO pending_orders (user_id, seq, side, symbol, shares, price_cents, expires_at_ms, transaction_number)
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::side[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[])"""

_DELETE_TRIGGERS = """
    DELETE FROM trigger_orders t USING unnest(%s::text[], %s::text[], %s::side[]) AS gone(user_id, symbol, side)
    WHERE t.user_id = gone.user_id AND t.symbol = gone.symbol AND t.side = gone.side"""

_UPSERT_TRIGGERS = """
    INSERT INTO trigger_orders (user_id, symbol, side, amount_cents, trigger_cents, reserved_cents, reserved_shares,
        version, transaction_number)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::side[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::bigint[], %s::bigint[])
    ON CONFLICT (user_id, symbol, side) DO UPDATE SET amount_cents = excluded.amount_cents,
        trigger_cents = excluded.trigger_cents, reserved_cents = excluded.reserved_cents,
        reserved_shares = excluded.reserved_shares, version = excluded.version,
        transaction_number = excluded.transaction_number"""

_COPY_HISTORY = """
    COPY history (user_id, seq, kind, command_id, transaction_number, command, symbol, amount_cents, price_cents,
        outcome, reason, cash_delta_cents, reserved_delta_cents, shares_delta, reserved_shares_delta, quote_id,
        published_at_ms, at_ms, waited_since_ms, shares, order_seq, newest_order_seq) FROM STDIN"""
