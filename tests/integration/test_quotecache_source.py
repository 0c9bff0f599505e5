"""Prices from a recorded file (QUOTE_SOURCE), and the history of bought prices: both with real processes."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from database.postgres import connect
from quotecache.price_history import price_history
from runtime.price_file import read_prices
from schema.events import NoQuote, Quote
from tests.integration.quotecache_processes import ROOT, rows, running

T = 1_700_000_000_000


@pytest.fixture
def environment(environment) -> dict[str, str]:
    return environment | {"QUOTE_ATTEMPTS": "1"}


def run(verb: str, database_url: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"DATABASE_URL": database_url}
    command = [sys.executable, "-m", "operators", verb, *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30)


def bought(database_url: str, *paid: tuple[str, int, int | None]) -> None:
    """Stores fetches of (symbol, ms after T, price); a price of None is a failure."""
    with psycopg.connect(database_url, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms, answered_at_ms,"
            " price_cents, failure) VALUES (%s, 'ann', 1, false, %s, %s, %s, %s)",
            [(s, T + ms, T + ms if price else None, price, None if price else "reset") for s, ms, price in paid],
        )


def test_a_recording_replaces_the_quote_server(environment, asker, database_url, tmp_path: Path, wait_for):
    file = tmp_path / "prices.csv"
    file.write_text(f"time,symbol,price\n{T},ABC,12.34\n{T + 10**9},ABC,99.00\n{T + 10**9},XYZ,1.00\n")
    with running("quotecache", environment | {"QUOTE_SOURCE": str(file)}):
        asker.ask("ABC", "XYZ")
        quote = wait_for(lambda: asker.answer("ABC"))
        missing = wait_for(lambda: asker.answer("XYZ"))
    assert isinstance(quote, Quote) and quote.price_cents == 1_234
    assert isinstance(missing, NoQuote) and missing.reason.startswith("not sent")
    stored = rows(database_url, "SELECT quote_server_time, cryptokey FROM quote_fetches WHERE price_cents > 0")
    assert stored == [(T, "recorded")]


def test_a_recording_that_cannot_be_read_is_a_wrong_setting(environment, tmp_path: Path):
    with running("quotecache", environment | {"QUOTE_SOURCE": str(tmp_path / "absent.csv")}) as service:
        assert service.wait(20) == 2


def test_the_history_of_a_symbol_holds_the_quotes_paid_for_in_the_range(database_url):
    bought(database_url, ("ABC", 5, 105), ("ABC", 1, 101), ("XYZ", 2, 1), ("ABC", 3, None), ("ABC", 9, 109))
    with connect(database_url, "test") as connection:

        def history(*bounds: int) -> list[tuple[int, int]]:
            return [(point.at_ms - T, point.price_cents) for point in price_history(connection, "ABC", *bounds)]

        assert history() == [(1, 101), (5, 105), (9, 109)]
        assert history(T + 1, T + 9) == [(1, 101), (5, 105)]
        assert history(T + 2, T + 10, 1) == [(5, 105)]


def test_the_history_is_written_as_a_file_that_can_be_played(database_url):
    bought(database_url, ("ABC", 1, 101), ("ABC", 5, 105))
    done = run("price-history", database_url, "abc", "--from", str(T), "--to", str(T + 5))
    assert done.returncode == 0, done.stderr
    assert [(p.at_ms, p.price_cents) for p in read_prices(done.stdout.splitlines())] == [(T + 1, 101)]
    for wrong in (["ABCD"], ["ABC", "--from", "yesterday"]):
        assert run("price-history", database_url, *wrong).returncode == 2


def test_what_if_lists_the_orders_of_a_user_that_would_have_fired(database_url, tmp_path: Path):
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO trigger_orders VALUES ('ann', 'ABC', 'buy', 1000, 300, 1000, 0, 1, 7),"
            " ('ann', 'XYZ', 'sell', 900, 300, 0, 3, 2, 8), ('ann', 'OFF', 'sell', 900, NULL, 0, 0, 3, 9),"
            " ('bob', 'ABC', 'buy', 1000, 300, 1000, 0, 1, 7)"
        )
    file = tmp_path / "prices.csv"
    file.write_text("2025-11-22T10:00:00Z,ABC,3.10\n2025-11-22T10:01:00Z,ABC,2.90\n2025-11-22T10:02:00Z,XYZ,2.00\n")
    done = run("what-if", database_url, "ann", "--prices", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "buy ABC at at most 3.00: fires at 2025-11-22T10:01:00.000Z at 2.90: "
        "3 shares bought, 8.70 spent, 1.30 of the reserve given back",
        "sell XYZ at at least 3.00: does not fire; closest was 2.00 at 2025-11-22T10:02:00.000Z",
    ]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE partitions SET epoch = 1")
    assert "no armed trigger order" in run("what-if", database_url, "eve", "--prices", file).stdout
    for nothing in ("nonsense\n", "", "time,symbol,price\n"):
        file.write_text(nothing)
        assert run("what-if", database_url, "ann", "--prices", str(file)).returncode == 2, nothing
