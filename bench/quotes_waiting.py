"""Effect of a slow quote on others: the latency of users of one partition while one user's quote takes 4 s."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.bench_system import BenchSystem, load_average, percentile, table
from producers.command_publisher import CommandPublisher
from schema.commands import Command, partition_of

SLOW_SECONDS = 4.0
PER_SECOND = 200
OTHERS = 20
ROUNDS = 3
PARTITION = 0


def measure(folder: Path) -> None:
    rounds = int(os.environ.get("ROUNDS") or ROUNDS)
    rows = []
    with _steerable_server() as address, BenchSystem(folder, QUOTE_SERVER=address) as system:
        system.start("quotecache", "triggers", "audit", "transactions-1")
        system.await_owners("quotecache", "triggers", "transactions", "audit")
        users = _users_of_partition(OTHERS + 1)
        with system.publisher() as publisher:
            _send(publisher, [system.command("ADD", user, cents=10**9) for user in users])
            _send(publisher, [system.command("QUOTE", users[0], "FST")])
            system.await_history()
            rows.append(("nobody waits", *_others(system, publisher, users, [None] * rounds, 0)))
            slow = [f"S{chr(ord('A') + n)}" for n in range(3 * rounds)]
            rows.append(("one user waits 4 s", *_others(system, publisher, users, slow[:rounds], 0)))
            rows.append(("… and sends 20 more/s", *_others(system, publisher, users, slow[rounds : 2 * rounds], 20)))
            rows.append(("… and sends 50 more/s", *_others(system, publisher, users, slow[2 * rounds :], 50)))
        system.stop()
    settings = (
        f"make bench-quotes PARTS=waiting: {OTHERS} others of one partition, {PER_SECOND} commands/s, symbols that are "
        f"known; a steerable quote server over TCP; publish to commit, ms; {rounds} × {SLOW_SECONDS:g} s, "
        f"{load_average()}"
    )
    table("Others, while a quote takes 4 s", settings, ("meanwhile", "commands", "p50", "p95", "p99", "max"), rows)


def _others(
    system: BenchSystem,
    publisher: CommandPublisher,
    users: list[str],
    slow_symbols: Sequence[str | None],
    more_per_second: int,
) -> tuple[object, ...]:
    """Returns the latencies of all other users while the first user waits for each of the symbols in turn."""
    waiting, others = users[0], users[1:]
    latencies = []
    for symbol in slow_symbols:
        since = system.value("SELECT coalesce(max(published_at_ms), 0) FROM history")
        if symbol is not None:
            _send(publisher, [system.command("QUOTE", waiting, symbol)])
        began = time.monotonic()
        for n in range(round(PER_SECOND * (SLOW_SECONDS - 0.3))):
            due = began + n / PER_SECOND
            while time.monotonic() < due:
                publisher.pump()
                time.sleep(0.001)
            publisher.publish(_something(system, others[n % len(others)], n))
            if more_per_second and n % (PER_SECOND // more_per_second) == 0:
                publisher.publish(system.command("QUOTE", waiting, "FST"))
        publisher.flush()
        system.await_history()
        latencies += [ms for (ms,) in system.rows(_LATENCIES, [since, others])]
    shares = (percentile(latencies, share) for share in (0.5, 0.95, 0.99, 1))
    return len(latencies), *(f"{ms:.0f}" for ms in shares)


def _something(system: BenchSystem, user: str, n: int) -> Command:
    if n % 3 == 0:
        return system.command("BUY", user, "FST", 50_000)
    return system.command("COMMIT_BUY", user) if n % 3 == 1 else system.command("QUOTE", user, "FST")


def _send(publisher: CommandPublisher, commands: list[Command]) -> None:
    for command in commands:
        publisher.publish(command)
    publisher.flush()


def _users_of_partition(count: int) -> list[str]:
    names = (f"user{n:06d}" for n in range(1_000_000))
    matching = (name for name in names if partition_of(name) == PARTITION)
    return [next(matching) for _ in range(count)]


@contextmanager
def _steerable_server() -> Iterator[str]:
    """Runs a quote server that answers symbols with S first after SLOW_SECONDS, others at once. Yields its address."""
    loop = asyncio.new_event_loop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        symbol, _, user = (await reader.readline()).decode().strip().partition(",")
        await asyncio.sleep(SLOW_SECONDS if symbol.startswith("S") else 0.009)
        writer.write(f"10.00,{symbol},{user},{time.time_ns() // 1_000_000},key\n".encode())
        await writer.drain()
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


_LATENCIES = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000 - published_at_ms FROM history
    WHERE kind = 'command' AND published_at_ms > %s AND user_id = ANY(%s)"""
