"""Environment of the benchmarks: a database of their own, fresh exchanges and queues, and the processes.

AMQP_URL and DATABASE_URL name the servers; `make bench-quotes` and `make bench-triggers` set them.
"""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg.rows import TupleRow
from sqlalchemy.engine import make_url

from bench import processes
from database.migrate import migrate
from producers.command_publisher import CommandPublisher
from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from schema.commands import Command, CommandName, command_id
from schema.errors import DayTradeError

EXIT_SECONDS_MAX = 20
PAUSE_SECONDS = 0.02


class NotMeasured(DayTradeError):
    """Failure of the system that is measured, or a workload that cannot be run; the text says which."""


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> object:
    """Waits for the condition and returns its first true value. Raises NotMeasured after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise NotMeasured(f"not within {seconds:g} s: {what}")
        time.sleep(PAUSE_SECONDS)
    return value


class BenchSystem:
    """A database, exchanges and queues, and processes, which are named as `deploy/` names them (`transactions-1`)."""

    def __init__(self, folder: Path, **settings: str):
        self.folder = folder
        base = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql")
        self._admin_url = base.render_as_string(hide_password=False)
        self._database = f"{base.database}_bench"
        self.database_url = base.set(database=self._database).render_as_string(hide_password=False)
        self.amqp_url = os.environ["AMQP_URL"]
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.database_url,
            "DUMP_DIR": str(folder / "dumps"),
            "QUOTE_SERVER": f"127.0.0.1:{processes.free_port()}",
            "QUOTES": "realistic",
            "LOG_LEVEL": "info",
            **settings,
        }
        self._source = secrets.randbits(63)
        self._published = 0
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "BenchSystem":
        self._administrate(f'DROP DATABASE IF EXISTS "{self._database}" WITH (FORCE)')
        self._administrate(f'CREATE DATABASE "{self._database}"')
        migrate(self.database_url)
        connection = open_connection(self.amqp_url, "bench")
        declare(connection, fresh=True)
        connection.close()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait()
        self._administrate(f'DROP DATABASE IF EXISTS "{self._database}" WITH (FORCE)')

    def start(self, *names: str, **settings: str) -> None:
        for name in names:
            self.processes[name] = processes.start(name, self.folder, self.environment | settings)

    def url_of(self, kind: str) -> str:
        """Returns RabbitMQ's address for the role of a kind of process, in whose place the benchmark acts."""
        return processes.url_of(kind, self.amqp_url)

    def await_owners(self, *groups: str) -> None:
        """Waits until every partition of these groups has a live owner."""
        query = """SELECT count(*) FROM partitions WHERE consumer_group = ANY(%s)
                   AND (lease_until IS NULL OR lease_until < clock_timestamp())"""
        wait_until(lambda: self.value(query, [list(groups)]) == 0, 30, f"owners of {groups}")

    def end(self, name: str, number: int = signal.SIGTERM) -> None:
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait(EXIT_SECONDS_MAX)

    def stop(self, *spared: str) -> None:
        """Ends all processes but `spared` by SIGTERM, and waits for their end."""
        names = self.processes.keys() - set(spared)
        for name in names:
            self.processes[name].terminate()
        for name in names:
            self.processes.pop(name).wait(EXIT_SECONDS_MAX)

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[TupleRow]:
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, parameters).fetchall()

    def value(self, query: str, parameters: Sequence[object] = ()) -> Any:  # psycopg knows no types of columns
        return self.rows(query, parameters)[0][0]

    def cpu_seconds(self, name: str) -> float:
        """CPU seconds of a process and its Postgres sessions so far; other load on the machine does not count."""
        query = (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, %s)"
        )
        sessions = [pid for (pid,) in self.rows(query, [f"{name}@"])]
        return sum(_cpu_seconds(pid) for pid in (self.processes[name].pid, *sessions))

    def hits(self) -> int:
        """Returns the quote server's own count of requests."""
        host, port = self.environment["QUOTE_SERVER"].split(":")
        with socket.create_connection((host, int(port)), 5) as connection, connection.makefile("rw") as file:
            file.write("!hits,total\n")
            file.flush()
            return int(file.readline())

    def command(self, name: str, user: str, symbol: str | None = None, cents: int | None = None) -> Command:
        """Makes the next command of this benchmark."""
        self._published += 1
        number = self._published
        return Command(command_id(self._source, number), number, CommandName(name), user, symbol, cents)

    @contextlib.contextmanager
    def publisher(self) -> Iterator[CommandPublisher]:
        publisher = CommandPublisher(partial(open_connection, self.url_of("loadtest"), "bench"))
        yield publisher
        publisher.flush()
        publisher.close()

    def await_history(self, seconds: float = 120) -> None:
        """Waits until every command made so far is executed."""
        query = "SELECT count(*) FROM history WHERE kind = 'command'"
        wait_until(lambda: self.value(query) >= self._published, seconds, f"{self._published} commands executed")

    def _administrate(self, statement: str) -> None:
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(statement)


def _cpu_seconds(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system
    return 0.0


def load_average() -> str:
    """Describes how busy the machine was in the last minute."""
    return f"load average {os.getloadavg()[0]:.1f}"


def table(title: str, settings: str, header: tuple[str, ...], rows: Iterable[Sequence[object]]) -> None:
    """Prints a table in the format of docs/quotes.md, with the settings of the measurement."""
    print(f"\n{title}\n({settings})\n")
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)


def percentile(values: list[float], share: float) -> float:
    """Returns the smallest value at or below which at least this share of the values lies (percentile_disc)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 10_000) // 10_000) - 1)]
