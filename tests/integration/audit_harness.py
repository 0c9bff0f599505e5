"""Harness of the audit log's tests: publishes to it, runs its process, queries its tables. No assertions."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg

from rabbitmq.connection import open_connection
from rabbitmq.dead_letters import store
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import AUDIT_EXCHANGE
from schema import codec
from schema.commands import VERSION, CommandName
from schema.dead_letters import STORED_BYTES_MAX, DeadLetter
from schema.events import QUOTECACHE_SOURCE, AuditEntry, AuditKind, AuditMessage

PROJECT = Path(__file__).parents[2]
AT_MS = 1_784_800_000_000
SYMBOL = "ABC"


def command(transaction_number: int, user: str | None = "ann", **fields) -> AuditEntry:
    fields = {"symbol": SYMBOL} | fields
    return AuditEntry(
        AuditKind.USER_COMMAND, AT_MS + transaction_number, transaction_number, CommandName.QUOTE, user, **fields
    )


def commands(first: int, last: int, user: str = "ann") -> list[AuditEntry]:
    """Makes entries whose transaction numbers are `first` to `last`."""
    return [command(n, user) for n in range(first, last + 1)]


def quote(transaction_number: int, user: str = "ann") -> AuditEntry:
    return AuditEntry(
        AuditKind.QUOTE_SERVER,
        AT_MS + transaction_number,
        transaction_number,
        user=user,
        symbol=SYMBOL,
        funds_cents=1999,
        quote_server_time=AT_MS - 254_000,
        cryptokey="aB+/=",
    )


def marker(dump_id: str, transaction_number: int, filename: str, user: str | None = None) -> AuditEntry:
    return AuditEntry(
        AuditKind.MARKER,
        AT_MS + transaction_number,
        transaction_number,
        CommandName.DUMPLOG,
        user,
        filename=filename,
        message=dump_id,
    )


class AuditLog:
    """The audit log's servers, and its process once started."""

    def __init__(self, amqp_url: str, database_url: str, dump_dir: Path):
        self.dump_dir = dump_dir
        self.environment = {
            **os.environ,
            "AMQP_URL": amqp_url,
            "DATABASE_URL": database_url,
            "DUMP_DIR": str(dump_dir),
            "REPLICA": "audit",
        }
        self.connection = open_connection(amqp_url, "test")
        self.database = psycopg.connect(database_url, autocommit=True)
        self._publisher = Publisher(self.connection)
        self._processes: list[subprocess.Popen] = []

    def start(self, replica: str = "audit") -> subprocess.Popen:
        environment = self.environment | {"REPLICA": replica}
        process = subprocess.Popen([sys.executable, "-m", "consumers.audit"], cwd=PROJECT, env=environment)
        self._processes.append(process)
        return process

    def publish(self, source: int, first_number: int, entries: list[AuditEntry]) -> None:
        """Commits entries and then publishes them in one message, as each source does."""
        self.commit(source, first_number + len(entries) - 1)
        self.forge(source, first_number, entries)

    def forge(self, source: int, first_number: int, entries: list[AuditEntry]) -> None:
        """Publishes entries in one message without committing them, as a forger does."""
        self.publish_body(codec.encode(AuditMessage(VERSION, source, first_number, entries)))

    def commit(self, source: int, number: int) -> None:
        """Commits a source's entries up to this number, as the source does in the transaction of its batch."""
        group, partition = ("quotecache", 0) if source == QUOTECACHE_SOURCE else ("transactions", source)
        self.database.execute(_COMMIT, (number, group, partition))

    def publish_body(self, body: bytes) -> None:
        self._publisher.publish(Outgoing(AUDIT_EXCHANGE, "", body))

    def confirm(self) -> None:
        self._publisher.flush()

    def stored(self, source: int) -> int:
        row = self._one("SELECT stored FROM audit_sources WHERE source = %s", source)
        return row[0] if row else 0

    def transactions(self, source: int) -> list[int]:
        """Returns the transaction numbers of a source's entries, whose own numbers must be 1, 2, 3, …"""
        query = "SELECT number, transaction_number FROM audit_events WHERE source = %s ORDER BY number"
        rows = self.database.execute(query, (source,)).fetchall()
        assert [number for number, _ in rows] == list(range(1, len(rows) + 1))
        return [transaction_number for _, transaction_number in rows]

    def next_offset(self) -> int:
        return self._one("SELECT next_offset FROM partitions WHERE consumer_group = 'audit'")[0]

    def owner(self) -> str | None:
        return self._one("SELECT owner FROM partitions WHERE consumer_group = 'audit'")[0]

    def is_complete(self, dump_id: str) -> bool:
        return self._one("SELECT 1 FROM dump_markers WHERE dump_id = %s AND source = 64", dump_id) is not None

    def state(self, dump_id: str) -> str | None:
        """Returns the state of a dump, or None if no marker of it is stored."""
        row = self._one("SELECT state FROM dumps WHERE dump_id = %s", dump_id)
        return row and row[0]

    def failure(self, dump_id: str) -> str | None:
        """Returns the reason why a dump has no file yet, or never will."""
        row = self._one("SELECT failure FROM dumps WHERE dump_id = %s", dump_id)
        return row and row[0]

    def is_written(self, dump_id: str) -> bool:
        return self.state(dump_id) == "written"

    def has_ended(self, dump_id: str) -> bool:
        return self.state(dump_id) in ("written", "replaced", "failed")

    def stops(self) -> list[tuple[int, int, str]]:
        """Returns the sources that have stopped: source, number of the entry, reason."""
        return self.database.execute("SELECT source, number, reason FROM audit_stops ORDER BY source").fetchall()

    def dead_letters(self) -> list[DeadLetter]:
        """Returns the dead letters, oldest first."""
        return [one.letter for one in store.page(self.database, store.Choice(), 100, STORED_BYTES_MAX)]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self.connection.close()
        self.database.close()

    def _one(self, query: str, *values) -> tuple | None:
        return self.database.execute(query, values).fetchone()


_COMMIT = """
    UPDATE partitions SET audit_number = greatest(audit_number, %s) WHERE consumer_group = %s AND partition = %s"""
