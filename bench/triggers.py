"""Benchmark of triggers (`make bench-triggers`): the cost of a price event, and the time to the fills that it causes.

Three measurements: one price that fires 10,000 orders, through all processes; a price that fires none of 1,000,000
orders, in the trigger worker's session alone; the takeover of those 1,000,000 from Postgres.
"""

import os
import random
import statistics
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

from bench.bench_system import BenchSystem, load_average, percentile, table, wait_until
from consumers.triggers.worker import TriggerWorker
from database import postgres
from rabbitmq.connection import Connection, open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import PRICES_EXCHANGE
from runtime import entry_point
from schema import codec
from schema.commands import VERSION
from schema.events import PriceMessage, Quote

FIRED = int(os.environ.get("FIRED") or 10_000)
ARMED = int(os.environ.get("ARMED") or 1_000_000)
ROUNDS = 5
EVENTS = 300
FAR_QUOTE_ID = 10**9
"""First quote_id of the quotes that the benchmark itself broadcasts, above any number of the quote cache."""


def main() -> int:
    replicas = int(os.environ.get("REPLICAS") or 1)
    with tempfile.TemporaryDirectory() as folder:
        with BenchSystem(Path(folder), QUOTES="instant") as system:
            fire_all(system, replicas)
        with BenchSystem(Path(folder)) as system:
            fire_none(system)
    return 0


def fire_all(system: BenchSystem, replicas: int) -> None:
    """Measures FIRED orders of as many users on one symbol that one price fires; each round uses another symbol."""
    workers = [f"transactions-{n}" for n in range(1, replicas + 1)]
    system.start("quote-server", "quotecache", "triggers", "audit", *workers)
    system.await_owners("quotecache", "triggers", "transactions")
    connection = open_connection(system.url_of("quotecache"), "bench")
    publisher = Publisher(connection)
    rows: list[tuple[str | int, ...]] = []
    for round_number in range(ROUNDS):
        symbol = f"F{chr(ord('A') + round_number)}"
        _arm(system, symbol, first=round_number == 0)
        before = sum(map(system.cpu_seconds, workers)), system.cpu_seconds("triggers")
        announced_at_ms = _announce(publisher, symbol, 100, round_number)
        seconds = _await_fills(system, symbol, announced_at_ms)
        after = sum(map(system.cpu_seconds, workers)), system.cpu_seconds("triggers")
        rows.append((symbol, FIRED, f"{seconds:.2f}", *(f"{b - a:.2f}" for a, b in zip(before, after, strict=True))))
    connection.close()
    system.stop()
    medians = (f"{statistics.median(float(row[n]) for row in rows):.2f}" for n in (2, 3, 4))
    rows.append(("median", FIRED, *medians))
    settings = (
        f"make bench-triggers: FIRED={FIRED} REPLICAS={replicas}, fsync on, {os.cpu_count()} cores, {load_average()}"
    )
    header = ("symbol", "orders", "s to the last fill's commit", "CPU s of transactions", "CPU s of triggers")
    table("One price fires all orders of a symbol", settings, header, rows)


def _arm(system: BenchSystem, symbol: str, first: bool) -> None:
    # The trigger is below the quote server's least price, so that only the benchmark's own quote satisfies it.
    with system.publisher() as publisher:
        for n in range(FIRED):
            user = f"user{n:06d}"
            if first:
                publisher.publish(system.command("ADD", user, cents=10_000_000))
            publisher.publish(system.command("SET_BUY_AMOUNT", user, symbol, 1_000))
            publisher.publish(system.command("SET_BUY_TRIGGER", user, symbol, 100))
    system.await_history()
    # Waits for the symbol's own quote, and until all work caused by the arming is done.
    wait_until(lambda: system.rows("SELECT 1 FROM quote_fetches WHERE symbol = %s AND price_cents > 0", [symbol]),
               20, "the symbol's first quote")  # fmt: skip
    time.sleep(1)


def _announce(publisher: Publisher, symbol: str, price_cents: int, number: int) -> int:
    now_ms = time.time_ns() // 1_000_000
    quote = Quote(FAR_QUOTE_ID + number, symbol, price_cents, now_ms, 1, "bench")
    body = codec.encode(PriceMessage(VERSION, [quote]))
    publisher.publish(Outgoing(PRICES_EXCHANGE, "", body, mandatory=False))
    publisher.flush()
    return now_ms


def _await_fills(system: BenchSystem, symbol: str, announced_at_ms: int) -> float:
    """Returns the seconds from the price's broadcast to the last fill's commit, by the database's timestamps."""
    query = "SELECT count(*) FROM history WHERE kind = 'fill' AND symbol = %s"
    wait_until(lambda: system.value(query, [symbol]) >= FIRED, 60, f"{FIRED} fills")
    ended_at_ms = system.value(_LAST_FILL, [symbol])
    return float(ended_at_ms - announced_at_ms) / 1000


def fire_none(system: BenchSystem) -> None:
    """Measures the takeover of ARMED orders on one symbol, and prices that fire none or few of them."""
    with postgres.connect(system.database_url, "bench") as connection:
        _store_orders(connection)
    before = _memory_bytes()
    broker, store = open_connection(system.amqp_url, "bench"), postgres.connect(system.database_url, "bench")
    worker = TriggerWorker(broker, store, "bench")
    loading, turns = _take_over(worker, broker)
    memory = (_memory_bytes() - before) / 1e6
    publisher = Publisher(broker)
    none = [_event(worker, broker, publisher, "AAA", 25_000, n) for n in range(EVENTS)]
    few = [_event(worker, broker, publisher, "AAA", 20_000, EVENTS + n) for n in range(EVENTS)]
    store.close()
    broker.close()
    settings = (
        f"make bench-triggers: ARMED={ARMED} on one symbol, one session in the benchmark's process, {load_average()}"
    )
    fired = worker.fills_sent // EVENTS
    rows = [
        ("taking over: reading and sorting all", f"{loading:.1f} s"),
        ("… its longest turn (leases and prices wait so long)", f"{max(turns) * 1e3:.0f} ms"),
        ("memory", f"{memory:.0f} MB"),
        ("price that fires none, p50", f"{percentile(none, 0.5) * 1e3:.3f} ms"),
        ("price that fires none, p99", f"{percentile(none, 0.99) * 1e3:.3f} ms"),
        (f"price that fires {fired}, sending included, p50", f"{percentile(few, 0.5) * 1e3:.3f} ms"),
    ]
    table("One worker with a million armed orders", settings, ("what", "measured"), rows)


def _take_over(worker: TriggerWorker, broker: Connection) -> tuple[float, list[float]]:
    began, turns = time.perf_counter(), []
    worker.tick()
    while worker.loading:
        broker.pump(0)
        turn_began = time.perf_counter()
        worker.turn()
        turns.append(time.perf_counter() - turn_began)
    return time.perf_counter() - began, turns


def _event(
    worker: TriggerWorker, broker: Connection, publisher: Publisher, symbol: str, price_cents: int, number: int
) -> float:
    """Broadcasts a price; returns the seconds of the turn that handles it."""
    _announce(publisher, symbol, price_cents, number)
    broker.pump(0)
    began = time.perf_counter()
    worker.turn()
    return time.perf_counter() - began


def _store_orders(connection: psycopg.Connection) -> None:
    """Stores half buys at 1.00 to 200.00 dollars and half sells at 300.00 to 4,999.00, at random prices."""
    draw = random.Random(1)
    connection.execute("SET statement_timeout = 0")
    with connection.cursor() as cursor, cursor.copy(_COPY_ORDERS) as copy:
        for n in range(ARMED):
            buy, sell = draw.randint(100, 20_000), draw.randint(30_000, 499_900)
            order = ("buy", 75_000, buy, 75_000, 0) if n % 2 else ("sell", 5 * sell, sell, 0, 5)
            copy.write_row((f"user{n:07d}", "AAA", *order, 1_000 + n, n + 1))
    connection.commit()
    connection.execute("ANALYZE trigger_orders")
    connection.commit()


def _memory_bytes() -> int:
    return psutil.Process().memory_info().rss


_LAST_FILL = """
    SELECT max(extract(epoch FROM pg_xact_commit_timestamp(xid)) * 1000)::bigint
    FROM (SELECT xmin AS xid FROM history WHERE kind = 'fill' AND symbol = %s GROUP BY xmin) AS batches"""

_COPY_ORDERS = """
    COPY trigger_orders (user_id, symbol, side, amount_cents, trigger_cents, reserved_cents, reserved_shares, version,
        transaction_number) FROM STDIN"""

if __name__ == "__main__":
    entry_point.run("bench-triggers", main)
