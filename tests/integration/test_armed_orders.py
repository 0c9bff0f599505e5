"""Armed trigger orders are read page by page at a takeover, all of them, whatever their number."""

import contextlib

import psycopg
import pytest

from consumers.triggers import store
from database import postgres
from schema.events import TriggerChange, trigger_partition_of
from schema.outcomes import Side

PARTITION = trigger_partition_of("A")
SYMBOLS = [symbol for symbol in map(chr, range(ord("A"), ord("Z") + 1)) if trigger_partition_of(symbol) == PARTITION]
FOREIGN = next(symbol for symbol in "BCDEFGH" if trigger_partition_of(symbol) != PARTITION)
ROWS_MAX = 4


@pytest.fixture
def connection(database_url, monkeypatch):
    monkeypatch.setattr(store, "ROWS_PER_PAGE", ROWS_MAX)
    monkeypatch.setattr(store, "SYMBOLS_PER_PAGE", 2)
    with contextlib.closing(postgres.connect(database_url, "test")) as connection:
        yield connection


def stored(connection: psycopg.Connection, orders: int, symbol: str = "A") -> list[TriggerChange]:
    """Stores for each of many users an armed buy and an armed sell, and ROWS_MAX further buys that are not armed."""
    changes = []
    for n in range(orders):
        changes.append(TriggerChange(f"user{n:05}", symbol, Side.BUY, 1, 300, 1_000, 0, 7))
        changes.append(TriggerChange(f"user{n:05}", symbol, Side.SELL, 2, 400, 0, 2, 7))
    rows = [
        (c.user, symbol, c.side, 1_000, c.trigger_cents, c.reserved_cents, c.reserved_shares, c.version)
        for c in changes
    ]
    rows += [(f"unarmed{n}", symbol, Side.BUY, 1_000, None, 1_000, 0, 1) for n in range(ROWS_MAX)]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany("INSERT INTO trigger_orders VALUES (%s, %s, %s, %s, %s, %s, %s, %s, 7)", rows)
    return changes


@pytest.mark.parametrize("users", [0, 1, ROWS_MAX // 2, ROWS_MAX, 5 * ROWS_MAX + 1])
def test_every_armed_order_is_read_once_however_pages_fall(connection, users):
    expected = [change for symbol in SYMBOLS for change in stored(connection, users, symbol)]
    stored(connection, users, FOREIGN)
    pages = list(store.armed(connection, PARTITION))
    assert [change for page in pages for change in page] == expected
    assert max(map(len, pages), default=0) < 2 * ROWS_MAX


def test_between_pages_nothing_is_held_at_the_server_and_the_connection_is_free(connection):
    stored(connection, 2 * ROWS_MAX)
    pages = store.armed(connection, PARTITION)
    next(pages)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    with connection.transaction():
        assert connection.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)
    assert sum(map(len, pages)) == 3 * ROWS_MAX


@pytest.mark.parametrize("analyzed", [False, True])
def test_no_statement_reads_more_than_its_page(connection, analyzed):
    """Postgres reads rows in the index's order and none beyond the page, whether or not the table was analyzed."""
    stored(connection, 2_000)
    with connection.transaction():
        if analyzed:
            connection.execute("ANALYZE trigger_orders")
        connection.execute(store._IN_INDEX_ORDER)
        parameters = ("A", "user00500", Side.BUY, ROWS_MAX)
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {store._ARMED}", parameters))
    assert "using trigger_orders_armed_idx" in plan and "Sort" not in plan, plan


def test_changes_between_pages_lose_no_unchanged_order(connection):
    expected = stored(connection, 2 * ROWS_MAX)
    pages = store.armed(connection, PARTITION)
    read = list(next(pages))
    with connection.transaction():
        connection.execute("DELETE FROM trigger_orders WHERE user_id IN ('user00000', 'user00003')")
        connection.execute("UPDATE trigger_orders SET version = version + 1 WHERE user_id = 'user00001'")
    read += [change for page in pages for change in page]
    assert read == [change for change in expected if change.user != "user00003"]
