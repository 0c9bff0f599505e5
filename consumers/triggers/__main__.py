"""`python -m consumers.triggers`: one trigger worker, until SIGTERM."""

import gc
from collections.abc import Callable

import psycopg
import structlog

from consumers.triggers.worker import TriggerWorker
from ownership.process import run_consumer
from rabbitmq.connection import Connection
from rabbitmq.topology import COMMAND_STREAMS, PRICE_REQUESTS_QUEUE
from runtime import entry_point

log = structlog.get_logger()

ABOUT = """
Usage: python -m consumers.triggers

Fires trigger orders whose prices are reached, until SIGTERM. Several may run: each owns some of the symbols.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
schema/settings.py lists all.
"""


def work(broker: Connection, database: psycopg.Connection, replica: str, stopping: Callable[[], bool]) -> None:
    worker = TriggerWorker(broker, database, replica)
    worker.run(stopping)
    log.info("left", fills_sent=worker.fills_sent)


def main() -> int:
    # The book lives long and holds no reference cycles: the collector would scan it again and again for nothing.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    return run_consumer("triggers", work, [*COMMAND_STREAMS, PRICE_REQUESTS_QUEUE])


if __name__ == "__main__":
    entry_point.run_process("triggers", main, ABOUT)
