"""Cost of copies: CPU per new command at 20,000 commands/s, with and without 100 unmarked copies per second.

Run `export $(make env PROFILE=test)`, then `python -m bench.copies`, with the variables RATE=20000 COPIES=100
SECONDS=10 ROUNDS=5 REPLICAS=2 (defaults). It counts the CPU of the transaction workers and of their Postgres sessions.
Rounds with and without copies alternate on one database. Each copy repeats a random earlier command, alone in its
message, and the benchmark waits for its answer.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.bench_system import BenchSystem, load_average, table, wait_until
from producers.command_publisher import CommandPublisher
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import ReplyQueue
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from schema import codec
from schema.commands import VERSION, Command, CommandBatch, partition_of

RATE = int(os.environ.get("RATE") or 20_000)
COPIES = int(os.environ.get("COPIES") or 100)
SECONDS = float(os.environ.get("SECONDS") or 10)
ROUNDS = int(os.environ.get("ROUNDS") or 5)
REPLICAS = int(os.environ.get("REPLICAS") or 2)
USERS = 1_000
TICK_SECONDS = 0.005


class Copier:
    """Publisher that repeats commands and counts the answers."""

    def __init__(self, system: BenchSystem):
        self.connection = open_connection(system.url_of("web"), "bench copies")
        self._publisher = Publisher(self.connection)
        self.answers = 0
        self._queue = ReplyQueue(self.connection, self._on_replies)

    def publish(self, command: Command) -> None:
        body = codec.encode(CommandBatch(VERSION, time.time_ns() // 1_000_000, [command], self._queue.name))
        self._publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition_of(command.key)), body))

    def _on_replies(self, body: bytes) -> None:
        self.answers += len(codec.decode_replies(body).replies)


def main() -> int:
    workers = [f"transactions-{n}" for n in range(1, REPLICAS + 1)]
    plain, with_copies = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        BenchSystem(Path(folder), QUOTES="instant", LOG_LEVEL="warning") as system,
    ):
        system.start("audit", *workers)
        system.await_owners("transactions")
        copier = Copier(system)
        given: list[Command] = []
        with system.publisher() as publisher:
            _run(system, publisher, copier, given, 0, workers)
            for _ in range(ROUNDS):
                plain.append(_run(system, publisher, copier, given, 0, workers))
                with_copies.append(_run(system, publisher, copier, given, COPIES, workers))
        rows = system.value("SELECT count(*) FROM history")
        assert rows == len(given), (rows, len(given))
        assert all("session lost" not in (Path(folder) / f"{worker}.log").read_text() for worker in workers)
        copier.connection.close()
        system.stop()
    costs = [b / a - 1 for a, b in zip(plain, with_copies, strict=True)]
    settings = (
        f"python -m bench.copies: RATE={RATE} COPIES={COPIES} SECONDS={SECONDS:g} ROUNDS={ROUNDS}"
        f" REPLICAS={REPLICAS}, {load_average()}"
    )
    lines = [
        (n, f"{a:.2f}", f"{b:.2f}", f"{cost:+.1%}")
        for n, (a, b, cost) in enumerate(zip(plain, with_copies, costs, strict=True), 1)
    ]
    medians = (f"{statistics.median(plain):.2f}", f"{statistics.median(with_copies):.2f}")
    header = ("round", "µs a command", f"with {COPIES} copies/s", "more")
    table("CPU of copies", settings, header, [*lines, ("median", *medians, f"{statistics.median(costs):+.1%}")])
    return 0


def _run(
    system: BenchSystem,
    publisher: CommandPublisher,
    copier: Copier,
    given: list[Command],
    copies: int,
    workers: list[str],
) -> float:
    """Runs one round until every command is executed and every copy is answered; returns CPU µs per new command."""
    drawn = random.Random(len(given))
    before, first, answered = sum(map(system.cpu_seconds, workers)), len(given), copier.answers
    began, published = time.perf_counter(), 0
    for tick in range(1, int(SECONDS / TICK_SECONDS) + 1):
        while len(given) - first < tick * TICK_SECONDS * RATE:
            command = system.command("ADD", f"user{drawn.randrange(USERS)}", cents=100)
            given.append(command)
            publisher.publish(command)
        while published < tick * TICK_SECONDS * copies:
            copier.publish(given[drawn.randrange(len(given))])
            published += 1
        publisher.pump()
        copier.connection.pump(0)
        time.sleep(max(0.0, began + tick * TICK_SECONDS - time.perf_counter()))
    publisher.flush()
    system.await_history()

    def all_answered() -> bool:
        copier.connection.pump(0.01)
        return copier.answers - answered == published

    wait_until(all_answered, 10, "all answers")
    return (sum(map(system.cpu_seconds, workers)) - before) / (len(given) - first) * 1e6


if __name__ == "__main__":
    sys.exit(main())
