"""`python -m consumers.transactions`: one worker, until SIGTERM."""

import gc
from collections.abc import Callable

import psycopg
import structlog

from consumers.transactions import store
from consumers.transactions.worker import TransactionWorker
from ownership.process import run_consumer
from rabbitmq.connection import Connection
from rabbitmq.topology import AUDIT_STREAM, COMMAND_STREAMS, PRICE_REQUESTS_QUEUE
from runtime import entry_point

log = structlog.get_logger()

ABOUT = """
Usage: python -m consumers.transactions

Executes commands, until SIGTERM. Several may run: each owns some of the users' partitions.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
schema/settings.py lists all.
"""

_doubtful: dict[int, int] = {}
"""Offset up to which the next session has to look commands up after an AlreadyDone, by partition."""


def work(broker: Connection, database: psycopg.Connection, replica: str, stopping: Callable[[], bool]) -> None:
    store.check_partitions(database)
    store.plan_by_keys(database)
    worker = TransactionWorker(broker, database, replica, _doubtful)
    try:
        worker.run(stopping)
    except store.AlreadyDone:
        # The log holds a command that is done already: the next session has to look up everything seen so far.
        _doubtful.update(worker.newest_offsets())
        raise
    log.info("drained and stopped", rows=worker.rows_written)


def main() -> int:
    # Accounts and backlogs live long and hold no reference cycles: the collector would scan them again and again for
    # nothing.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    return run_consumer("transactions", work, [*COMMAND_STREAMS, AUDIT_STREAM, PRICE_REQUESTS_QUEUE])


if __name__ == "__main__":
    entry_point.run_process("transactions", main, ABOUT)
