"""The audit worker: owns the audit stream, reads it from the stored offset on, and stores it batch by batch.

It stores small loads at once; under load, batches grow up to their limits. Its state in memory can all be read again:
when it loses a server or its ownership, it drops that state and starts a new session. No SQL and no files here.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import psycopg
import structlog

from consumers.audit import counting, store
from consumers.audit.batch import AuditBatch
from consumers.audit.numbering import Numbering, Stop
from database.pool import Pool
from ownership.member import Member, Owner
from ownership.partitions import Ownership
from ownership.process import run_sessions
from rabbitmq.connection import Connection
from rabbitmq.lengths import (
    GLANCE_SECONDS,
    QUIET_SECONDS,
    SILENCE_SECONDS_MAX,
    check_reach,
    newest_offsets,
    oldest_offset,
)
from rabbitmq.stream_consumer import Delivery, StreamConsumer
from rabbitmq.topology import AUDIT_STREAM
from runtime.wall_clock import now_ms
from schema.errors import StoreError
from schema.settings import Settings

BATCH_ENTRIES_MAX = 20_000
"""Maximum entries per batch: bounds a transaction to about a tenth of a second."""

PREFETCH_MESSAGES = 100
"""Maximum messages that wait here: 16 MB of memory, and ten times as many as make a full batch if they are full."""

LOAD_ENTRIES = 200
"""Minimum entries in a batch for the worker to count as busy."""

GATHER_SECONDS = 0.03
"""Seconds for which a busy worker gathers a batch: fewer, larger transactions leave more CPU to other processes."""

SPACING_SECONDS = 0.03
"""Minimum seconds between two small transactions. A message that comes after a longer pause is stored at once."""

IDLE_SECONDS = 0.1
"""Seconds of each wait of an idle worker; it notices SIGTERM only between two waits."""

DRAIN_SECONDS_MAX = 10.0
"""Seconds for draining: less than the 15 s that the supervisor waits after SIGTERM."""

CONNECT_SECONDS_MAX = 1.0
"""Seconds for one attempt to connect to the broker. Short: an attempt after SIGTERM takes time from draining."""

DROPPED = "retention has dropped it: publish it again"
"""Reason of a stop that no restart can end: the stream no longer holds the source's entries."""

log = structlog.get_logger()


def run(settings: Settings, pool: Pool, stopping: Callable[[], bool], on_dump_complete: Callable[[], None]) -> None:
    """Stores the log until `stopping()`, then stores what is in the stream by then. Survives the loss of a server.

    Calls `on_dump_complete` after a commit that completed dumps, and after a claim. Raises LogGap if the stream has
    lost messages that are not stored yet.
    """

    def session(broker: Connection, connection: psycopg.Connection) -> None:
        worker = _AuditWorker(broker, connection, settings.replica, on_dump_complete)
        try:
            while not stopping():
                worker.step()
            worker.drain()
        finally:
            worker.leave()

    # If a session is lost after SIGTERM, one more begins, to store what is still in the stream.
    queues = [AUDIT_STREAM]
    run_sessions(settings, pool, session, stopping, queues, connect_seconds=CONNECT_SECONDS_MAX, finishes=True)


class _AuditWorker(Owner):
    """Audit worker on one pair of connections; its ownership ends with them."""

    def __init__(
        self, broker: Connection, connection: psycopg.Connection, replica: str, on_dump_complete: Callable[[], None]
    ):
        self._broker = broker
        self._database = connection
        self._member = Member(connection, store.GROUP, replica, self)
        self._on_dump_complete = on_dump_complete
        self._stored_at = 0.0
        self._inbox: list[Delivery] = []
        self._ownership: Ownership | None = None

    def step(self) -> None:
        """Ticks if a tick is due, then gathers a batch and stores it."""
        self._member.tick()
        if self._ownership is None:
            counting.LAG.set(0)
            self._broker.pump(IDLE_SECONDS)
            return
        self._gather()
        if self._batch.tags:
            self._store()
        else:
            counting.LAG.set(0)

    def drain(self) -> None:
        """Stores what is in the stream by now, so that the log is complete if this worker is stopped last.

        Gives up after `DRAIN_SECONDS_MAX`.
        """
        deadline = time.monotonic() + DRAIN_SECONDS_MAX
        if self._ownership is None:
            self._member.tick_now()
        while self._ownership is not None and (left := self._left()):
            goal = self._batch.high_offset + left
            while self._ownership is not None and self._batch.high_offset < goal:
                if time.monotonic() > deadline:
                    log.warning("stopped before the log was stored; the next start continues", messages=self._left())
                    return
                self.step()

    def _left(self) -> int:
        """Number of messages that are in the stream and not stored."""
        known = {AUDIT_STREAM: self._batch.high_offset} if self._batch.high_offset >= 0 else {}
        quiet_seconds = GLANCE_SECONDS if known else QUIET_SECONDS
        newest = newest_offsets(self._broker, [AUDIT_STREAM], quiet_seconds, known, SILENCE_SECONDS_MAX)
        return max(0, newest[AUDIT_STREAM] - self._batch.high_offset)

    def leave(self) -> None:
        """Releases the log, so that the next owner need not wait for the lease to expire. Never raises."""
        with contextlib.suppress(StoreError):
            self._member.leave()

    def ended(self, lost: frozenset[int], released: frozenset[int]) -> None:
        """Stops reading. Raises StoreError, which ends the session, if the log may have another owner."""
        if lost:
            raise StoreError("another process owns the audit log")
        self._consumer.close()
        self._ownership = None

    def gained(self, ownerships: Sequence[Ownership]) -> None:
        """Begins to read the only partition."""
        for ownership in ownerships:
            self._claimed(ownership)

    def _claimed(self, ownership: Ownership) -> None:
        check_reach(self._broker, {AUDIT_STREAM: ownership.next_offset})
        begins = store.beginning(self._database, ownership)
        self._ownership = ownership
        self._numbering = Numbering(begins.stored)
        next_offset = min([ownership.next_offset, *self._try_again(begins.stops)])
        log.info("acquired the audit log", epoch=ownership.epoch, next_offset=next_offset)
        self._read_from(next_offset)
        self._on_dump_complete()

    def _try_again(self, stops: Sequence[Stop]) -> list[int]:
        """Lets stopped sources go on. Returns the offsets from which the stream has to be read for that.

        A stop whose offset is before the stream's oldest message stays, because retention has dropped what would have
        to be stored. Reading from there would raise LogGap, and so stop the log of all other sources.
        """
        oldest = oldest_offset(self._broker, AUDIT_STREAM) if stops else 0
        within = [stop for stop in stops if stop.offset >= oldest]
        for stop in within:
            log.error("retrying entries that could not be stored", what=str(stop))
            self._numbering.retry(stop)
        beyond = [replace(stop, reason=DROPPED) for stop in stops if stop.offset < oldest]
        for stop in beyond:
            log.error("ALARM: a source of the log has stopped for good; the others continue", what=str(stop))
            self._numbering.stop(stop)
        if beyond:
            assert self._ownership is not None, "only an owner tries again"
            store.note_stops(self._database, self._ownership, beyond)
        return [stop.offset for stop in within]

    def _read_from(self, next_offset: int) -> None:
        assert self._ownership is not None, "only an owner reads the log"
        self._dead = store.dead_from(self._database, next_offset)
        self._batch = AuditBatch(next_offset, self._ownership.high_offset, self._dead)
        self._inbox.clear()
        self._consumer = StreamConsumer(self._broker, AUDIT_STREAM, next_offset, PREFETCH_MESSAGES, self._inbox.append)

    def _gather(self) -> None:
        self._broker.pump(IDLE_SECONDS)
        self._take_in()
        started = time.monotonic()
        while 0 < len(self._batch.tags) < PREFETCH_MESSAGES and self._batch.entries < BATCH_ENTRIES_MAX:
            self._broker.pump(max(self._gather_until(started) - time.monotonic(), 0.0))
            self._take_in()
            if time.monotonic() >= self._gather_until(started):
                break

    def _gather_until(self, started: float) -> float:
        if self._batch.entries >= LOAD_ENTRIES:
            return started + GATHER_SECONDS
        return self._stored_at + SPACING_SECONDS

    def _take_in(self) -> None:
        deliveries, self._inbox[:] = self._inbox[:], ()
        for delivery in deliveries:
            self._batch.add(delivery)

    def _store(self) -> None:
        assert self._ownership is not None, "only an owner stores the log"
        batch, held = self._batch, self._numbering.held
        if batch.may_end_a_stop(self._numbering):
            self._numbering.bring_within_reach(oldest_offset(self._broker, AUDIT_STREAM))
        if store.commit(self._database, self._ownership, batch, self._numbering):
            self._on_dump_complete()
        self._tell(batch, held)
        counting.count_batch(batch, self._numbering.held, now_ms())
        self._consumer.acknowledge(batch.tags)
        self._stored_at = time.monotonic()
        if batch.reads_again:
            self._consumer.close()
            self._read_from(batch.next_offset)
        else:
            self._batch = AuditBatch(batch.next_offset, batch.high_offset, self._dead)

    def _tell(self, batch: AuditBatch, held_before: int) -> None:
        for letter in batch.dead:
            log.error("dead-lettered a message", id=letter.id, reason=letter.reason)
        for stop in batch.new_stops:
            log.error("ALARM: a source of the log has stopped; the others continue", what=str(stop))
        if self._numbering.held > held_before:
            log.error("entries are missing; later ones wait for them", held_from=self._numbering.held_from)
