"""How long nobody gets a quote when the quote cache's owner is killed and another process stands by."""

import os
import signal
import time
from pathlib import Path

from quotecache.client import Prices
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Publisher
from tests.bench.quotes_ground import Ground, load_average, percentile, table, wait_until

KILLS = 10
NAMES = ("quotecache-1", "quotecache-2")


def measure(folder: Path) -> None:
    kills = int(os.environ.get("KILLS") or KILLS)
    with Ground(folder, QUOTES="instant") as ground:
        ground.start("quote-server", *NAMES)
        ground.await_owners("quotecache")
        seconds = [_kill_and_ask(ground, number) for number in range(kills)]
        fetches, hits = ground.value("SELECT count(*) FROM quote_fetches"), ground.hits()
        symbols = ground.value("SELECT count(DISTINCT symbol) FROM quote_fetches")
        ground.stop()
    settings = (
        f"make bench-quotes PARTS=takeover: two quote caches, the owner killed with -9, {kills} times, {load_average()}"
    )
    rows = [
        ("from the kill to the next price, p50", f"{percentile(seconds, 0.5):.2f} s"),
        ("from the kill to the next price, longest", f"{max(seconds):.2f} s"),
        ("symbols asked for / paid requests / the server's count", f"{symbols} / {fetches} / {hits}"),
    ]
    table("Takeover of the quote cache", settings, ("what", "measured"), rows)


def _kill_and_ask(ground: Ground, number: int) -> float:
    wait_until(lambda: ground.value(_LIVE) == len(NAMES), 20, "a standby")
    (owner,) = (name for name in NAMES if ground.value(_OWNER).startswith(f"{name}@"))
    connection = open_connection(ground.amqp_url, "bench")
    prices = Prices(connection, Publisher(connection))
    bought, symbol = f"B{chr(ord('A') + number)}", f"N{chr(ord('A') + number)}"
    _await_quote(connection, prices, bought, time.monotonic())
    ground.end(owner, signal.SIGKILL)
    killed = time.monotonic()
    seconds = _await_quote(connection, prices, symbol, killed)
    # What the owner before had bought is not bought again: somebody who has heard nothing gets it from the new one.
    stranger = Prices(connection, Publisher(connection))
    _await_quote(connection, stranger, bought, killed)
    connection.close()
    ground.start(owner)
    return seconds


def _await_quote(connection, prices: Prices, symbol: str, since: float) -> float:
    prices.request(symbol, "bench", 1, time.time_ns() // 1_000_000)
    while prices.waits_for(symbol):
        connection.pump(0.01)
        prices.tick(time.time_ns() // 1_000_000)
    return time.monotonic() - since


_LIVE = "SELECT count(*) FROM replicas WHERE consumer_group = 'quotecache' AND live_until > clock_timestamp()"

_OWNER = "SELECT coalesce(owner, '') FROM partitions WHERE consumer_group = 'quotecache'"
