"""The quote cache in Postgres: fetches before they are sent, how they ended, and what a new owner finds.

Each step is one transaction, fenced by the ownership of the group's only partition. In its row of `partitions`,
`position` is a quote_id below which every fetch has ended, and `high` the highest one known to have been ended or
asked: so a new owner finds the open ones without reading years of them. No decisions in here.
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
"""Shorter than others': with the standby's tick and its look at Postgres, a takeover stays within 3 s. Not shorter,
as the fetches in flight of an owner that merely paused are paid, and lost.
"""


def record(
    connection: psycopg.Connection,
    ownership: Ownership,
    asks: list[PriceRequest],
    settled: list[Settled],
    messages: list[Outgoing],
    now_ms: int,
) -> list[Fetch]:
    """One turn: puts new fetches on record, ends others, leaves their messages in the outbox.

    `asks` are for distinct symbols; they come back as fetches, asked at `now_ms`. `ownership` is stored as given.
    Raises StoreError, Fenced; nothing is kept then.
    """
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        partitions.fence(cursor, GROUP, [ownership], LEASE_MS)
        if settled:
            _end(cursor, settled)
            outbox.replace(cursor, GROUP, {PARTITION: messages})
        return _insert(cursor, asks, now_ms) if asks else []


def left_over(connection: psycopg.Connection) -> list[Outgoing]:
    """What the owner before us may not have published."""
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        return outbox.left_over(cursor, GROUP, [PARTITION])


def open_fetches(connection: psycopg.Connection, ownership: Ownership) -> list[Fetch]:
    """Fetches that an owner before us asked for and never ended: paid, and their answers are gone."""
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_OPEN, (ownership.position,))
        return [
            Fetch(quote_id, PriceRequest(VERSION, symbol, user, number, for_trigger), asked_at_ms)
            for quote_id, symbol, user, number, for_trigger, asked_at_ms in cursor
        ]


def usable_quotes(connection: psycopg.Connection, now_ms: int) -> list[Quote]:
    """Every quote that is still alive, the newest last."""
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        died_ms = now_ms - QUOTE_LIFETIME_MS
        cursor.execute(_USABLE, (died_ms, died_ms))
        return [Quote(*row) for row in cursor]


def paid_since(connection: psycopg.Connection, users: Iterable[str], since_ms: int) -> dict[str, int]:
    """How many paid quotes each of these people has caused by their own commands since then (spec §3a)."""
    counts = dict.fromkeys(users, 0)
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_PAID_SINCE, (list(counts), since_ms))
        return counts | dict(cursor)


def refreshes_since(connection: psycopg.Connection, since_ms: int) -> list[int]:
    """When paid requests for armed triggers were sent since then, oldest first."""
    with postgres.translated(), connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_REFRESHES_SINCE, (since_ms,))
        return [asked_at_ms for (asked_at_ms,) in cursor]


def advanced(ownership: Ownership, open_ids: list[int], known_id_max: int, entries: int, now_ms: int) -> Ownership:
    """The ownership after a turn that leaves `open_ids` in flight and adds `entries` to the audit log.

    Fetches inserted in the turn itself need not be among them: their numbers are above all known ones.
    """
    high = max(ownership.high, known_id_max)
    return replace(
        ownership,
        position=max(ownership.position, min(open_ids, default=high + 1)),
        high=high,
        audit_number=ownership.audit_number + entries,
        clock_ms=max(ownership.clock_ms, now_ms),
    )


def _insert(cursor: psycopg.Cursor, asks: list[PriceRequest], now_ms: int) -> list[Fetch]:
    of_symbol = {ask.symbol: ask for ask in asks}
    assert len(of_symbol) == len(asks), "a symbol is asked for twice at once"
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

# A fetch ends once: the condition and the count of rows hold it.
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

# Newer rows have higher numbers, so the newest dead one bounds what must be looked at; it is found from the end.
_USABLE = """
    SELECT quote_id, symbol, price_cents, asked_at_ms, transaction_number, user_id FROM quote_fetches
    WHERE price_cents IS NOT NULL AND asked_at_ms > %s AND quote_id > coalesce(
        (SELECT quote_id FROM quote_fetches WHERE asked_at_ms <= %s ORDER BY quote_id DESC LIMIT 1), 0)
    ORDER BY quote_id"""
