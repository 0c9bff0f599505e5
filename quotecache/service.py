"""Process of the quote cache: connects, becomes the owner or a standby, and reconnects when it loses a server.

Only the owner takes requests. There is one partition, so the owner keeps it as long as it lives, even if the even
distribution of partitions would give it to another replica. active_cache.py holds what an owner does.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

import psycopg
import structlog

from database.pool import Pool
from ownership.member import Member, Owner
from ownership.partitions import Ownership
from ownership.process import run_sessions
from quotecache import counting
from quotecache.active_cache import ActiveCache, CacheResources
from quotecache.cache import Counts
from quotecache.lease_guard import LeaseGuard
from quotecache.sockets import allow_sockets
from quotecache.source import source_of
from quotecache.store import GROUP, LEASE_MS
from rabbitmq.connection import Connection
from rabbitmq.topology import AUDIT_STREAM, PRICE_REQUESTS_QUEUE
from runtime.metrics import Sampling
from runtime.wall_clock import now_ms
from schema.errors import Fenced, StoreError
from schema.settings import Settings

STANDBY_TICK_MS = 200
"""Milliseconds between a standby's checks, shorter than an owner's renewals: it takes over a released lease at once."""

DRAIN_SECONDS_MAX = 10.0
"""Maximum seconds to drain: below the supervisor's 15 s before SIGKILL, above the slowest genuine answer (4 s)."""

STANDBY_PUMP_SECONDS = 0.05

COUNTS_SECONDS = 60.0
"""Seconds between two log lines with the owner's counts, from which an operator follows the cost."""

log = structlog.get_logger()


def run(settings: Settings, stopping: Callable[[], bool]) -> None:
    """Serves until `stopping()`, then finishes what is in flight and leaves the group. Raises SettingsError."""
    counts = Counts()
    counting.expose(counts, settings.quote_cost_cents)
    connections_max = allow_sockets(settings.quote_connections)
    open_source = source_of(settings)

    def session(connection: Connection, database: psycopg.Connection) -> None:
        resources = CacheResources(settings, connection, database, counts, connections_max, open_source)
        worker = _QuoteCacheWorker(resources)
        try:
            worker.serve(stopping)
        finally:
            worker.drop()

    with contextlib.closing(Pool(settings.database_url, settings.replica, connections_max=1)) as pool:
        queues = [AUDIT_STREAM, PRICE_REQUESTS_QUEUE]
        run_sessions(settings, pool, session, stopping, queues, lease_ms=LEASE_MS)
    log.info("stopped", **asdict(counts))


class _QuoteCacheWorker(Owner):
    """Member of the group that owns the quote cache, from one connect to the loss of a connection."""

    def __init__(self, resources: CacheResources):
        self._resources = resources
        self._connection = resources.connection
        self._counts = resources.counts
        self._active: ActiveCache | None = None
        self._guard = LeaseGuard(time.monotonic())
        self._member = Member(
            resources.database,
            GROUP,
            resources.settings.replica,
            self,
            lease_ms=LEASE_MS,
            keeps_surplus=True,
            standby_ms=STANDBY_TICK_MS,
        )
        self._counted_at = time.monotonic()
        self._sampling = Sampling()

    def serve(self, stopping: Callable[[], bool]) -> None:
        """Serves until `stopping()`, then drains and leaves the group. Raises BrokerError, StoreError."""
        while not stopping():
            self._turn()
        if self._active is not None:
            self._active.drain()
            deadline = time.monotonic() + DRAIN_SECONDS_MAX
            while self._active is not None and not self._active.idle and time.monotonic() < deadline:
                self._turn()
        self.drop()
        self._member.leave()

    def drop(self) -> None:
        """Drops the owner's memory, and releases the lease if the database can be reached. Recorded fetches stay."""
        if self._active is None:
            return
        self._active.close()
        self._active = None
        with contextlib.suppress(StoreError):
            self._member.release_all()

    def ended(self, lost: frozenset[int], released: frozenset[int]) -> None:
        """Ends the session. Raises Fenced.

        An owner does not release its partition while it lives, so another process took over and may have sent requests.
        """
        raise Fenced("another process owns the quote cache by now")

    def renewed(self, began: float) -> None:
        """Allows requests to be sent while this renewal still guarantees the lease (`lease_guard.SURE_SECONDS`)."""
        self._guard.renewed(began)

    def gained(self, ownerships: Sequence[Ownership]) -> None:
        """Takes over the only partition."""
        for ownership in ownerships:
            self._active = ActiveCache(self._resources, ownership, self._guard, now_ms())

    def _turn(self) -> None:
        self._member.tick()
        if self._active is None:
            self._connection.pump(STANDBY_PUMP_SECONDS)
            return
        self._active.turn(now_ms())
        self._connection.pump(self._active.patience_seconds(now_ms()))
        if self._sampling.is_due():
            self._active.sample(now_ms())
        if time.monotonic() > self._counted_at + COUNTS_SECONDS:
            self._counted_at = time.monotonic()
            log.info("counts", **asdict(self._counts))
