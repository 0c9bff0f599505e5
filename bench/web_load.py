"""Load for `bench.web`: `python -m bench.web_load RATE` publishes RATE commands per second until SIGTERM."""

import itertools
import os
import secrets
import signal
import sys
import time
from functools import partial

from producers.command_publisher import CommandPublisher
from rabbitmq.connection import open_connection
from schema.commands import Command, CommandName, command_id

USERS = 200
SYMBOLS = [f"{first}{second}" for first in "ABCDE" for second in "ABCDEFGHIJ"]

NAMES = (
    CommandName.ADD,
    CommandName.QUOTE,
    CommandName.BUY,
    CommandName.COMMIT_BUY,
    CommandName.QUOTE,
    CommandName.BUY,
    CommandName.CANCEL_BUY,
)
TICK_SECONDS = 0.01


def main() -> int:
    rate = int(sys.argv[1])
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    publisher = CommandPublisher(partial(open_connection, os.environ["AMQP_URL"], "load"))
    source = secrets.randbits(63)
    commands = map(partial(_command, source), itertools.count(1))
    began = time.monotonic()
    published = 0
    while not stopping:
        while published < rate * (time.monotonic() - began):
            publisher.publish(next(commands))
            published += 1
        publisher.pump(TICK_SECONDS)
    publisher.flush()
    publisher.close()
    return 0


def _command(source: int, number: int) -> Command:
    turn, user = divmod(number, USERS)
    name = NAMES[turn % len(NAMES)]
    symbol = SYMBOLS[(turn + user) % len(SYMBOLS)] if name in (CommandName.QUOTE, CommandName.BUY) else None
    cents = 600_000 if name in (CommandName.ADD, CommandName.BUY) else None
    return Command(command_id(source, number), number, name, f"load{user}", symbol, cents)


if __name__ == "__main__":
    sys.exit(main())
