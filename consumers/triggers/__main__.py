"""`python -m consumers.triggers`: one trigger worker, until SIGTERM."""

import gc
import sys
from collections.abc import Callable

import psycopg
import structlog

from consumers.process import run_consumer
from consumers.triggers.session import Session
from rabbitmq.connection import Connection

log = structlog.get_logger()


def work(broker: Connection, database: psycopg.Connection, replica: str, stopping: Callable[[], bool]) -> None:
    session = Session(broker, database, replica)
    session.run(stopping)
    log.info("left", fills_sent=session.fills_sent)


if __name__ == "__main__":
    # The book lives long and holds no circles: the collector would only walk it again and again.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    sys.exit(run_consumer("triggers", work))
