"""`python -m consumers.audit`: stores the log of record and writes dumps, until SIGTERM. Wiring only."""

import contextlib
import os

from consumers.audit.dumper import Dumper
from consumers.audit.writer import run
from database.pool import Pool
from ownership.lifecycle import StopSignal
from runtime import endpoint, entry_point
from runtime.log_setup import set_up_logging
from schema import settings

CONNECTIONS_MAX = 2
"""Connections to the database: one for storing the log, one for reading dumps."""

ABOUT = """
Usage: python -m consumers.audit

Stores the log of record and writes dumps, until SIGTERM. Several may run: one works, the others stand by.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
schema/settings.py lists all.
"""


def main() -> int:
    configuration = settings.from_environment(os.environ)
    set_up_logging(configuration.log_level, "audit")
    stopping = StopSignal()
    endpoint.serve(configuration.metrics_address)
    with contextlib.closing(Pool(configuration.database_url, configuration.replica, CONNECTIONS_MAX)) as pool:
        dumper = Dumper(configuration, pool)
        dumper.start()
        run(configuration, pool, stopping, on_dump_complete=dumper.wake)
        dumper.stop()
    return 0


if __name__ == "__main__":
    entry_point.run_process("audit", main, ABOUT)
