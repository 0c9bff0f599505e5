"""Entry point of the quote cache (`python -m quotecache`). Settings, wiring, signals; nothing else."""

import os
import signal
import sys
import threading

from quotecache.service import run
from runtime import endpoint, entry_point
from runtime.log_setup import set_up_logging
from schema.errors import SettingsError
from schema.settings import from_environment

ABOUT = """
Usage: python -m quotecache

Buys quotes from the legacy quote server and announces them to all processes, until SIGTERM. Several may run: one
works, the others stand by.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
schema/settings.py lists all.
"""


def main() -> int:
    stop = threading.Event()
    try:
        settings = from_environment(os.environ)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        set_up_logging(settings.log_level, "quotecache")
        endpoint.serve(settings.metrics_address)
        run(settings, stop.is_set)
    except SettingsError as error:
        print(f"quotecache: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    entry_point.run_process("quotecache", main, ABOUT)
