"""`python -m consumers.triggers`: one trigger worker, until SIGTERM."""

import gc
from collections.abc import Callable
from functools import partial

import psycopg
import structlog

from consumers.triggers.worker import TriggerWorker
from ownership.process import run_consumer
from rabbitmq.connection import Connection
from runtime import entry_point

log = structlog.get_logger()


def work(broker: Connection, database: psycopg.Connection, replica: str, stopping: Callable[[], bool]) -> None:
    worker = TriggerWorker(broker, database, replica)
    worker.run(stopping)
    log.info("left", fills_sent=worker.fills_sent)


if __name__ == "__main__":
    # The book lives long and holds no reference cycles: the collector would scan it again and again for nothing.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    entry_point.run_logged("triggers", partial(run_consumer, "triggers", work))
