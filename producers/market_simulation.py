"""Process that keeps prices moving on the site by requesting quotes (`python -m producers.market_simulation`).

A quote is valid for 60 s, so a symbol's price moves at most once a minute. The symbols take turns, so that some price
moves every few seconds. Each turn is an ordinary QUOTE command of the user `market`. Quotes are paid: the process is
meant for the simulated quote server, and never runs in a load test.
"""

import contextlib
import os
import secrets
import signal
import sys
import time
from functools import partial

import structlog

from database.retrying import RetryingDatabase
from producers.command_publisher import CommandPublisher
from rabbitmq.connection import open_connection
from runtime import entry_point
from runtime.log_setup import set_up_logging
from schema import settings
from schema.arguments import make_command
from schema.commands import CommandName, command_id
from schema.errors import DayTradeError, SettingsError
from schema.events import QUOTE_LIFETIME_MS

USER = "market"

SYMBOLS = ("ABC", "FIN", "GEM", "OIL", "S", "SKY", "SUN", "XYZ", "ZEN")
"""Symbols that always take turns, in addition to those that people watch."""

SYMBOLS_MAX = 40

ROUND_SECONDS = QUOTE_LIFETIME_MS / 1000 + 1
"""Seconds in which each symbol has one turn; by the next turn its price has expired."""

log = structlog.get_logger()

ABOUT = """
Usage: python -m producers.market_simulation

Keeps prices moving on the site by requesting quotes, until SIGTERM. Each quote is paid.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
schema/settings.py lists all.
"""


class MarketSimulation:
    """Loop that requests each symbol in turn until `stop`."""

    def __init__(self, database: RetryingDatabase, publisher: CommandPublisher):
        self._database = database
        self._publisher = publisher
        self._source = secrets.randbits(63)
        self._count = 0
        self._stopping = False

    def stop(self, *_signal: object) -> None:
        self._stopping = True

    def run(self) -> None:
        """Requests quotes until `stop`. Raises BrokerError, StoreError if a server stays unreachable."""
        while not self._stopping:
            symbols = self._symbols()
            for symbol in symbols:
                self._ask(symbol)
                self._wait(ROUND_SECONDS / len(symbols))
                if self._stopping:
                    return

    def _symbols(self) -> list[str]:
        watched = [symbol for (symbol,) in self._database.rows(_WATCHED, limit=SYMBOLS_MAX)]
        return sorted({*SYMBOLS, *watched})[:SYMBOLS_MAX]

    def _ask(self, symbol: str) -> None:
        self._count += 1
        number = self._database.value("SELECT nextval('transaction_numbers')")
        name = CommandName.QUOTE
        self._publisher.publish_at_once(
            make_command(command_id(self._source, self._count), number, name, [USER, symbol])
        )

    def _wait(self, seconds: float) -> None:
        # In short waits, to keep the connection alive and to notice a signal soon.
        deadline = time.monotonic() + seconds
        while not self._stopping and (left := deadline - time.monotonic()) > 0:
            self._publisher.pump(min(left, 0.5))


def main() -> int:
    try:
        chosen = settings.from_environment(os.environ)
    except SettingsError as error:
        print(f"market simulation: {error}", file=sys.stderr)
        return 2
    set_up_logging(chosen.log_level, chosen.replica)
    try:
        with contextlib.closing(RetryingDatabase(chosen.database_url)) as database:
            connect = partial(open_connection, chosen.amqp_url, f"market {chosen.replica}")
            publisher = CommandPublisher(connect, linger_ms=0)
            market = MarketSimulation(database, publisher)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, market.stop)
            log.info("the market is open", symbols=len(SYMBOLS))
            market.run()
            publisher.close()
    except DayTradeError as error:
        log.error("the market is closed", error=str(error))
        return 1
    return 0


_WATCHED = "SELECT symbol FROM watched_symbols GROUP BY symbol ORDER BY count(*) DESC, symbol LIMIT :limit"


if __name__ == "__main__":
    entry_point.run_process("market simulation", main, ABOUT)
