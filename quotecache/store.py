"""Storage of the quote cache in Postgres: fetches before they are sent, their ends, and the state for a new owner.

Each write is one transaction, fenced by the ownership of the group's only partition. In that partition's row of
`partitions`, every fetch with a quote_id below `next_offset` has ended, and `high_offset` is the highest quote_id known
to be asked or ended. So a new owner finds the open fetches without reading years of rows. No decisions here.
"""

from collections.abc import Iterable
from dataclasses import replace

import psycopg

from database import postgres
from ownership import outbox, partitions
from ownership.partitions import Ownership
from quotecache.budgets import is_charged
from quotecache.fetch import Fetch, Settled
from quotecache.protocol import PriceLine
from rabbitmq.publisher import Outgoing
from schema.commands import VERSION
from schema.events import QUOTE_LIFETIME_MS, PriceRequest, Quote

GROUP = "quotecache"
PARTITION = 0

LEASE_MS = 2_500
"""Milliseconds of the lease. Shorter than other groups': with the standby's tick and its query, a takeover stays within
3 s. Not shorter still: if a merely paused owner loses the lease, its fetches in flight are paid and lost.
"""


def record(
    connection: psycopg.Connection,
    ownership: Ownership,
    asks: list[PriceRequest],
    settled: list[Settled],
    messages: list[Outgoing],
    now_ms: int,
) -> list[Fetch]:
    """Commits one turn: records new fetches, ends others, and stores the messages about those in the outbox.

    `asks` name distinct symbols; they are returned as fetches with `asked_at_ms` = `now_ms`. `ownership` is stored as
    given. Raises StoreError, Fenced; then nothing is stored.
    """
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        partitions.fence(cursor, GROUP, [ownership], LEASE_MS)
        if settled:
            _end(cursor, settled)
            outbox.replace(cursor, GROUP, {PARTITION: messages})
        return _insert(cursor, asks, now_ms) if asks else []


def left_over(connection: psycopg.Connection) -> list[Outgoing]:
    """Returns the messages that the previous owner may not have published."""
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        return outbox.left_over(cursor, GROUP, [PARTITION])


def open_fetches(connection: psycopg.Connection, ownership: Ownership) -> list[Fetch]:
    """Returns fetches that a previous owner recorded and never ended: they count as paid; their answers are lost."""
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_OPEN, (ownership.next_offset,))
        return [
            Fetch(quote_id, PriceRequest(VERSION, symbol, user, number, for_trigger), asked_at_ms)
            for quote_id, symbol, user, number, for_trigger, asked_at_ms in cursor
        ]


def usable_quotes(connection: psycopg.Connection, now_ms: int) -> list[Quote]:
    """Returns every quote that has not expired, the newest last."""
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        died_ms = now_ms - QUOTE_LIFETIME_MS
        cursor.execute(_USABLE, (died_ms, died_ms))
        return [Quote(*row) for row in cursor]


def paid_since(connection: psycopg.Connection, users: Iterable[str], since_ms: int) -> dict[str, int]:
    """Counts the paid quotes that each of these people caused by their own commands since `since_ms` (spec §3a)."""
    counts = dict.fromkeys(users, 0)
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_PAID_SINCE, (list(counts), since_ms))
        return counts | dict(cursor)


def refreshes_since(connection: psycopg.Connection, since_ms: int) -> list[int]:
    """Returns the times (ms) of the requests for armed triggers since `since_ms`, oldest first."""
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_REFRESHES_SINCE, (since_ms,))
        return [asked_at_ms for (asked_at_ms,) in cursor]


def advanced(ownership: Ownership, open_ids: list[int], known_id_max: int, entries: int, now_ms: int) -> Ownership:
    """Returns the ownership after a turn that leaves `open_ids` in flight and adds `entries` audit entries.

    `open_ids` need not contain the fetches inserted in the turn itself: their numbers are above all known ones.
    """
    high_offset = max(ownership.high_offset, known_id_max)
    return replace(
        ownership,
        next_offset=max(ownership.next_offset, min(open_ids, default=high_offset + 1)),
        high_offset=high_offset,
        audit_number=ownership.audit_number + entries,
        clock_ms=max(ownership.clock_ms, now_ms),
    )


def _insert(cursor: psycopg.Cursor, asks: list[PriceRequest], now_ms: int) -> list[Fetch]:
    of_symbol = {ask.symbol: ask for ask in asks}
    assert len(of_symbol) == len(asks), "a symbol has two requests in flight"
    rows = [(ask.symbol, ask.user, ask.transaction_number, ask.for_trigger, is_charged(ask)) for ask in asks]
    cursor.execute(_INSERT, (now_ms, *map(list, zip(*rows, strict=True))))
    return [Fetch(quote_id, of_symbol[symbol], now_ms) for quote_id, symbol in cursor]


def _end(cursor: psycopg.Cursor, settled: list[Settled]) -> None:
    rows = [_ended(one) for one in settled]
    cursor.execute(_END, tuple(map(list, zip(*rows, strict=True))))
    assert cursor.rowcount == len(settled), "a fetch has ended twice"


def _ended(settled: Settled) -> tuple[object, ...]:
    line = settled.outcome
    if isinstance(line, PriceLine):
        price = (settled.at_ms, line.price_cents, line.quote_server_time, line.cryptokey)
        return (settled.fetch.quote_id, *price, None, True)
    return (settled.fetch.quote_id, None, None, None, None, settled.failure, settled.paid)


_INSERT = """
    INSERT INTO quote_fetches (asked_at_ms, symbol, user_id, transaction_number, for_trigger, charged)
    SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::boolean[], %s::boolean[])
    RETURNING quote_id, symbol"""

_PAID_SINCE = """
    SELECT user_id, count(*) FROM quote_fetches
    WHERE user_id = ANY(%s) AND charged AND asked_at_ms >= %s AND paid
    GROUP BY user_id"""

_REFRESHES_SINCE = """
    SELECT asked_at_ms FROM quote_fetches WHERE for_trigger AND asked_at_ms > %s ORDER BY asked_at_ms"""

# A fetch ends once: this condition and the check of the row count enforce it.
_END = """
    UPDATE quote_fetches f
    SET answered_at_ms = v.answered_at_ms, price_cents = v.price_cents, quote_server_time = v.quote_server_time,
        cryptokey = v.cryptokey, failure = v.failure, paid = v.paid
    FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::text[],
            %s::boolean[])
        AS v(quote_id, answered_at_ms, price_cents, quote_server_time, cryptokey, failure, paid)
    WHERE f.quote_id = v.quote_id AND f.answered_at_ms IS NULL AND f.failure IS NULL"""

_OPEN = """
    SELECT quote_id, symbol, user_id, transaction_number, for_trigger, asked_at_ms FROM quote_fetches
    WHERE quote_id >= %s AND answered_at_ms IS NULL AND failure IS NULL ORDER BY quote_id"""

# Newer rows have higher quote_ids, so only rows above the newest expired one are read; a search from the end finds it.
_USABLE = """
    SELECT quote_id, symbol, price_cents, asked_at_ms, transaction_number, user_id FROM quote_fetches
    WHERE price_cents IS NOT NULL AND asked_at_ms > %s AND quote_id > coalesce(
        (SELECT quote_id FROM quote_fetches WHERE asked_at_ms <= %s ORDER BY quote_id DESC LIMIT 1), 0)
    ORDER BY quote_id"""
