"""Time without quotes after the quote cache's owner is killed or suspended, with a standby running."""

import os
import signal
import time
from pathlib import Path

from bench.bench_system import BenchSystem, load_average, percentile, table, wait_until
from quotecache.client import Prices
from rabbitmq.connection import Connection, open_connection
from rabbitmq.publisher import Publisher

KILLS = 10
STOPS = 3
ASKING_SECONDS = 10.0
ASKING_PAUSE_SECONDS = 0.1
NAMES = ("quotecache-1", "quotecache-2")


def measure(folder: Path) -> None:
    kills = int(os.environ.get("KILLS") or KILLS)
    with BenchSystem(folder, QUOTES="instant") as system:
        system.start("quote-server", *NAMES)
        system.await_owners("quotecache")
        seconds = [_kill_and_ask(system, number) for number in range(kills)]
        fetches, hits = system.value("SELECT count(*) FROM quote_fetches"), system.hits()
        symbols = system.value("SELECT count(DISTINCT symbol) FROM quote_fetches")
        system.stop()
    settings = (
        f"make bench-quotes PARTS=takeover: two quote caches, the owner killed with -9, {kills} times, {load_average()}"
    )
    rows = [
        ("from the kill to the next price, p50", f"{percentile(seconds, 0.5):.2f} s"),
        ("from the kill to the next price, longest", f"{max(seconds):.2f} s"),
        ("symbols asked for / paid requests / the server's count", f"{symbols} / {fetches} / {hits}"),
    ]
    table("Takeover of the quote cache", settings, ("what", "measured"), rows)
    _measure_stops(folder)


def _measure_stops(folder: Path) -> None:
    """Measures a suspended owner: it stays connected to the broker, which may go on sending it requests."""
    waits: list[tuple[float, float]] = []
    with BenchSystem(folder, QUOTES="instant") as system:
        system.start("quote-server", *NAMES)
        system.await_owners("quotecache")
        for number in range(STOPS):
            waits += _stop_and_ask(system, chr(ord("A") + number))
        fetches, hits = system.value("SELECT count(*) FROM quote_fetches"), system.hits()
        system.stop()
    settings = (
        f"make bench-quotes PARTS=takeover: two quote caches, the owner stopped with SIGSTOP, {STOPS} times, a new "
        f"symbol asked for every {ASKING_PAUSE_SECONDS} s; s from the request to the price, {load_average()}"
    )
    spans = (("first 3 s", 0.0, 3.0), ("next 3 s", 3.0, 6.0), ("then", 6.0, ASKING_SECONDS))
    rows = []
    for name, begin, end in spans:
        some = [wait for at, wait in waits if begin <= at < end]
        rows.append((name, len(some), *(f"{percentile(some, share):.2f}" for share in (0.5, 0.95, 1.0))))
    table("Requests after the owner stopped", settings, ("asked in the", "requests", "p50", "p95", "longest"), rows)
    print(f"paid requests / the server's count: {fetches} / {hits}")


def _stop_and_ask(system: BenchSystem, letter: str) -> list[tuple[float, float]]:
    """Suspends the owner. Returns for each symbol when it was requested after that, and how long its price took (s)."""
    owner = _owner(system)
    connection = open_connection(system.url_of("transactions"), "bench")
    prices = Prices(connection, Publisher(connection))
    _await_quote(connection, prices, letter, time.monotonic())
    prices.take_answers()
    process = system.processes[owner]
    process.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    asked: dict[str, float] = {}
    waits: list[tuple[float, float]] = []
    while len(waits) < ASKING_SECONDS / ASKING_PAUSE_SECONDS:
        now = time.monotonic() - stopped
        if len(asked) * ASKING_PAUSE_SECONDS <= min(now, ASKING_SECONDS - ASKING_PAUSE_SECONDS / 2):
            symbol = letter + chr(ord("A") + len(asked) // 26) + chr(ord("A") + len(asked) % 26)
            asked[symbol] = now
            prices.request(symbol, "bench", 1, time.time_ns() // 1_000_000)
        connection.pump(0.01)
        prices.tick(time.time_ns() // 1_000_000)
        now = time.monotonic() - stopped
        waits += [(asked[quote.symbol], now - asked[quote.symbol]) for quote in prices.take_answers()]
    process.send_signal(signal.SIGCONT)
    connection.close()
    return waits


def _owner(system: BenchSystem) -> str:
    wait_until(lambda: system.value(_LIVE) == len(NAMES), 20, "a standby")
    (owner,) = (name for name in NAMES if system.value(_OWNER).startswith(f"{name}@"))
    return owner


def _kill_and_ask(system: BenchSystem, number: int) -> float:
    owner = _owner(system)
    connection = open_connection(system.url_of("transactions"), "bench")
    prices = Prices(connection, Publisher(connection))
    bought, symbol = f"B{chr(ord('A') + number)}", f"N{chr(ord('A') + number)}"
    _await_quote(connection, prices, bought, time.monotonic())
    system.end(owner, signal.SIGKILL)
    killed = time.monotonic()
    seconds = _await_quote(connection, prices, symbol, killed)
    # The new owner knows the quotes that the previous owner bought: a new client gets one without another purchase.
    stranger = Prices(connection, Publisher(connection))
    _await_quote(connection, stranger, bought, killed)
    connection.close()
    system.start(owner)
    return seconds


def _await_quote(connection: Connection, prices: Prices, symbol: str, since: float) -> float:
    prices.request(symbol, "bench", 1, time.time_ns() // 1_000_000)
    while prices.waits_for(symbol):
        connection.pump(0.01)
        prices.tick(time.time_ns() // 1_000_000)
    return time.monotonic() - since


_LIVE = "SELECT count(*) FROM replicas WHERE consumer_group = 'quotecache' AND live_until > clock_timestamp()"

_OWNER = "SELECT coalesce(owner, '') FROM partitions WHERE consumer_group = 'quotecache'"
