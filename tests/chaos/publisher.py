"""Publisher process of a round, `python -m tests.chaos.publisher '{...}'`: publishes a workload from a line on.

It notes the number of the last confirmed line. It may be killed at any time and started again from an earlier line: it
then marks all that it publishes as possibly duplicate. It knows nothing of what becomes of the commands.
"""

import json
import sys
import time
from pathlib import Path

from producers.command_publisher import CommandPublisher
from producers.workload_reader import Unreadable, read_workload
from rabbitmq.connection import open_connection
from runtime.log_setup import set_up_logging

LINES_PER_CONFIRM = 40
"""Lines between two flushes; each flush notes the number of the last confirmed line."""

PAUSE_SECONDS_MAX = 0.02


def publish(
    amqp_url: str, workload: str, source: int, first: int, last: int, rate: float, confirmed: str, again: bool
) -> None:
    """Publishes lines `first` to `last`, `rate` per second. `again`: some of them may be published already."""
    publisher = CommandPublisher(lambda: open_connection(amqp_url, "chaos publisher"), possibly_duplicate=again)
    began = time.monotonic()
    with open(confirmed, "a", encoding="ascii", buffering=1) as notes:
        for number, command in enumerate(read_workload(Path(workload), source), start=1):
            assert not isinstance(command, Unreadable), command
            if number < first:
                continue
            if number > last:
                break
            publisher.publish(command)
            _pace(publisher, began + (number - first) / rate)
            if number % LINES_PER_CONFIRM == 0 or number == last:
                publisher.flush()
                notes.write(f"{number}\n")
    publisher.close()


def _pace(publisher: CommandPublisher, due: float) -> None:
    while (early := due - time.monotonic()) > 0:
        publisher.pump()
        time.sleep(min(early, PAUSE_SECONDS_MAX))


if __name__ == "__main__":
    set_up_logging("info", "chaos publisher")
    publish(**json.loads(sys.argv[1]))
