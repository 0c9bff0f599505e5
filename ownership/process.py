"""The frame of a consumer process: settings, logging, SIGTERM, and a fresh pair of connections for each session."""

import os
import sys
from collections.abc import Callable

import psycopg
import structlog

from database import postgres
from ownership import partitions
from ownership.lifecycle import StopSignal, live
from rabbitmq.connection import Connection, open_connection
from rabbitmq.topology import QUEUES
from runtime.log_setup import set_up_logging
from schema import settings
from schema.errors import DayTradeError, SettingsError

Work = Callable[[Connection, psycopg.Connection, str, Callable[[], bool]], None]
"""A session: broker, database, its name among its peers, and whether to stop."""

CONNECT_SECONDS_MAX = 2.0
"""For one attempt at the broker; `live` makes as many as it takes."""

log = structlog.get_logger()


def run_consumer(process: str, work: Work) -> int:
    """Runs sessions until SIGTERM; returns the exit code. What a session raises as BrokerError or StoreError, or
    psycopg does, ends that session only.
    """
    try:
        chosen = settings.from_environment(os.environ)
    except SettingsError as error:
        print(f"{process}: {error}", file=sys.stderr)
        return 2
    set_up_logging(chosen.log_level, chosen.replica)
    stopping = StopSignal()

    def session() -> None:
        # Not for long: SIGTERM is heard between two attempts.
        broker = open_connection(chosen.amqp_url, chosen.replica, CONNECT_SECONDS_MAX)
        try:
            broker.require_queues(queue.name for queue in QUEUES)
            connection = postgres.connect(chosen.database_url, chosen.replica)
            try:
                with postgres.translated():
                    partitions.succeed(connection, chosen.place, chosen.replica)
                    work(broker, connection, chosen.replica, stopping)
            finally:
                connection.close()
        finally:
            broker.close()

    try:
        live(session, stopping)
    except DayTradeError as error:
        log.error("cannot go on", error=f"{type(error).__name__}: {error}")
        return 1
    return 0
