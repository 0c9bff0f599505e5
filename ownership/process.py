"""Frame of a process that owns partitions: settings, logging, SIGTERM, the pool, and connections for each session."""

import contextlib
import os
import sys
from collections.abc import Callable, Collection

import psycopg
import structlog

from database import postgres
from database.pool import Pool
from ownership import counting, partitions
from ownership.lifecycle import StopSignal, live
from ownership.partitions import LEASE_MS
from rabbitmq.connection import Connection, open_connection
from runtime import endpoint
from runtime.log_setup import set_up_logging
from runtime.vitals import VITALS
from schema import settings
from schema.errors import DayTradeError, SettingsError

Session = Callable[[Connection, psycopg.Connection], None]
"""Work with one connection to each server, until the process has to stop or loses a server."""

Work = Callable[[Connection, psycopg.Connection, str, Callable[[], bool]], None]
"""Session of a consumer; arguments: broker, database, the replica's name, and a function that says whether to stop."""

CONNECT_SECONDS_MAX = 2.0
"""Seconds for one attempt to connect to the broker; `live` makes as many attempts as it takes."""

log = structlog.get_logger()


def run_consumer(process: str, work: Work, queues: Collection[str]) -> int:
    """Runs sessions until SIGTERM, and returns the exit code. `queues`: those that the process uses.

    A BrokerError, a StoreError or an error of psycopg ends only the session that raises it.
    """
    try:
        chosen = settings.from_environment(os.environ)
    except SettingsError as error:
        print(f"{process}: {error}", file=sys.stderr)
        return 2
    set_up_logging(chosen.log_level, chosen.replica)
    stopping = StopSignal()
    endpoint.serve(chosen.metrics_address)

    def session(broker: Connection, database: psycopg.Connection) -> None:
        with postgres.translated():
            work(broker, database, chosen.replica, stopping)

    try:
        with contextlib.closing(Pool(chosen.database_url, chosen.replica, connections_max=1)) as pool:
            run_sessions(chosen, pool, session, stopping, queues)
    except DayTradeError as error:
        log.error("cannot continue", error=f"{type(error).__name__}: {error}")
        return 1
    return 0


def run_sessions(
    chosen: settings.Settings,
    pool: Pool,
    session: Session,
    stopping: Callable[[], bool],
    queues: Collection[str],
    *,
    lease_ms: int = LEASE_MS,
    connect_seconds: float = CONNECT_SECONDS_MAX,
    finishes: bool = False,
) -> None:
    """Runs sessions, each with connections of its own, until one ends by itself. `live` explains losses and `finishes`.

    A session keeps one connection of the pool for itself: whatever it commits as an owner goes through this one. The
    pool's sessions bear the replica's name, so that a takeover finds those of a late owner (`partitions.tick`).
    `queues`: those that the process reads, or publishes to. A session begins when the broker has them, and does not ask
    for others, whose node may be away. `lease_ms`: length of the group's leases. `connect_seconds`: limit of one
    attempt to connect to the broker; short, because the process notices SIGTERM only between two attempts.

    Raises what a session raises, except BrokerError and StoreError.
    """

    def connected() -> None:
        broker = open_connection(chosen.amqp_url, chosen.replica, connect_seconds)
        try:
            broker.ask_regularly(VITALS.broker_answered)
            broker.require_queues(queues)
            with pool.lend() as database:
                with postgres.translated():
                    partitions.succeed(database, chosen.replica_prefix, chosen.replica, lease_ms)
                session(broker, database)
        finally:
            counting.OWNED.clear()
            broker.close()

    live(connected, stopping, finishes)
