"""The quote cache as a process: connects, becomes the owner or stands by, starts anew when a server goes away.

Only the owner takes requests. There is one partition, so shares cannot be uneven: an owner keeps it for as long as
it lives, even where the machinery would rather deal it to another replica. What an owner does is tenure.py's.
"""

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict

import psycopg
import structlog

from database import postgres
from ownership import partitions
from quotecache.cache import Counts
from quotecache.hold import Hold
from quotecache.sockets import allow_sockets
from quotecache.source import OpenSource, source_of
from quotecache.store import GROUP, LEASE_MS, PARTITION
from quotecache.tenure import Tenure
from rabbitmq.connection import Connection, open_connection
from rabbitmq.topology import QUEUES
from runtime.wall_clock import now_ms
from schema.errors import BrokerError, Fenced, StoreError
from schema.settings import Settings

STANDBY_TICK_MS = 200
"""A standby looks more often than an owner shows life: one that lets go is followed at once."""

DRAIN_SECONDS_MAX = 10.0
"""Less than the supervisor's patience of 15 s; the slowest honest answer takes 4 s."""

CONNECT_SECONDS_MAX = 2.0
"""Short, because a process that waits for its broker must still hear SIGTERM."""

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.1, 1.0
"""Before connecting anew, drawn between these, so that not all processes come back at once."""

STANDBY_PUMP_SECONDS = 0.05

COUNTS_SECONDS = 60.0
"""How often an owner logs what it did, for those who look at cost live."""

log = structlog.get_logger()


def run(settings: Settings, stopping: Callable[[], bool]) -> None:
    """Serves until `stopping()`; then finishes what is in flight and leaves. Raises SettingsError."""
    counts = Counts()
    connections_max = allow_sockets(settings.quote_connections)
    open_source = source_of(settings)
    while not stopping():
        try:
            with _session(settings, counts, connections_max, open_source) as session:
                session.serve(stopping)
        except (BrokerError, StoreError) as error:
            log.warning("starts anew", error=str(error))
            time.sleep(random.uniform(PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX))
    log.info("stopped", **asdict(counts))


@contextlib.contextmanager
def _session(settings: Settings, counts: Counts, connections_max: int, open_source: OpenSource) -> Iterator["_Session"]:
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(contextlib.closing(postgres.connect(settings.database_url, settings.replica)))
        connection = open_connection(settings.amqp_url, settings.replica, CONNECT_SECONDS_MAX)
        stack.callback(connection.close)
        connection.require_queues(queue.name for queue in QUEUES)
        with postgres.translated():
            partitions.succeed(store, settings.place, settings.replica, LEASE_MS)
        session = _Session(settings, connection, store, counts, connections_max, open_source)
        stack.callback(session.drop)
        yield session


class _Session:
    """From one connecting to the next: this process's part in the ownership of the quote cache."""

    def __init__(
        self,
        settings: Settings,
        connection: Connection,
        store: psycopg.Connection,
        counts: Counts,
        connections_max: int,
        open_source: OpenSource,
    ):
        self._settings = settings
        self._connection = connection
        self._store = store
        self._counts = counts
        self._connections_max = connections_max
        self._open_source = open_source
        self._tenure: Tenure | None = None
        self._hold = Hold(time.monotonic())
        self._tick_at = self._counted_at = time.monotonic()

    def serve(self, stopping: Callable[[], bool]) -> None:
        """Until `stopping()`, then drains and leaves. Raises BrokerError, StoreError."""
        while not stopping():
            self._turn()
        if self._tenure is not None:
            self._tenure.drain()
            deadline = time.monotonic() + DRAIN_SECONDS_MAX
            while self._tenure is not None and not self._tenure.idle and time.monotonic() < deadline:
                self._turn()
        self.drop()
        with postgres.translated():
            partitions.leave(self._store, GROUP, self._settings.replica, {})

    def drop(self) -> None:
        """Forgets all that an owner knows, and lets go if the database still hears it; what is on record stays."""
        if self._tenure is None:
            return
        owned = self._owned()
        self._tenure.close()
        self._tenure = None
        with contextlib.suppress(StoreError), postgres.translated():
            partitions.release(self._store, GROUP, owned)

    def _turn(self) -> None:
        if time.monotonic() >= self._tick_at:
            self._tick()
        if self._tenure is None:
            self._connection.pump(STANDBY_PUMP_SECONDS)
        else:
            self._tenure.turn(now_ms())
            self._connection.pump(self._tenure.patience_seconds(now_ms()))

    def _tick(self) -> None:
        began = time.monotonic()
        with postgres.translated():
            changes = partitions.tick(self._store, GROUP, self._settings.replica, self._owned(), LEASE_MS)
        if PARTITION in changes.lost:
            raise Fenced("another process owns the quote cache by now")
        self._hold.renewed(began)
        for ownership in changes.gained:
            self._tenure = Tenure(
                self._settings,
                self._connection,
                self._store,
                ownership,
                self._counts,
                self._connections_max,
                self._open_source,
                self._hold,
                now_ms(),
            )
        pause_ms = min(STANDBY_TICK_MS, changes.pause_ms) if self._tenure is None else changes.pause_ms
        self._tick_at = time.monotonic() + pause_ms / 1_000
        if self._tenure is not None and time.monotonic() > self._counted_at + COUNTS_SECONDS:
            self._counted_at = time.monotonic()
            log.info("counts", **asdict(self._counts))

    def _owned(self) -> dict[int, int]:
        return {} if self._tenure is None else {PARTITION: self._tenure.epoch}
