"""`python -m producers.market_simulation`: keeps prices moving for a site that is looked at, by asking for quotes.

A quote is good for 60 s, so a symbol's price moves once a minute at most; the symbols take turns, so that something
moves every few seconds. Each turn is a QUOTE command of a user of its own, like anybody's. It costs paid hits: it is
meant for the simulated quote server, and never runs in a load test.
"""

import os
import secrets
import signal
import sys
import time
from functools import partial

import structlog

from database.patient_reads import Ledger
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
"""Always on show; to them come those that people watch."""

SYMBOLS_MAX = 40

ROUND_SECONDS = QUOTE_LIFETIME_MS / 1000 + 1
"""In which each symbol has its turn: by then its price has run out."""

log = structlog.get_logger()


class Market:
    """Takes turns through the symbols until `stop`."""

    def __init__(self, ledger: Ledger, publisher: CommandPublisher):
        self._ledger = ledger
        self._publisher = publisher
        self._source = secrets.randbits(63)
        self._count = 0
        self._stopping = False

    def stop(self, *_signal: object) -> None:
        self._stopping = True

    def run(self) -> None:
        """Raises BrokerError, StoreError when a server stays away."""
        while not self._stopping:
            symbols = self._symbols()
            for symbol in symbols:
                self._ask(symbol)
                self._wait(ROUND_SECONDS / len(symbols))
                if self._stopping:
                    return

    def _symbols(self) -> list[str]:
        watched = [symbol for (symbol,) in self._ledger.rows(_WATCHED, limit=SYMBOLS_MAX)]
        return sorted({*SYMBOLS, *watched})[:SYMBOLS_MAX]

    def _ask(self, symbol: str) -> None:
        self._count += 1
        number = self._ledger.value("SELECT nextval('transaction_numbers')")
        name = CommandName.QUOTE
        self._publisher.publish_at_once(
            make_command(command_id(self._source, self._count), number, name, [USER, symbol])
        )

    def _wait(self, seconds: float) -> None:
        # In short pieces: the connection wants to be kept alive, and a signal wants to be seen.
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
        ledger = Ledger(chosen.database_url)
        publisher = CommandPublisher(partial(open_connection, chosen.amqp_url, f"market {chosen.replica}"), linger_ms=0)
        market = Market(ledger, publisher)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, market.stop)
        log.info("the market is open", symbols=len(SYMBOLS))
        market.run()
        publisher.close()
        ledger.close()
    except DayTradeError as error:
        log.error("the market is closed", error=str(error))
        return 1
    return 0


_WATCHED = "SELECT symbol FROM watched_symbols GROUP BY symbol ORDER BY count(*) DESC, symbol LIMIT :limit"


if __name__ == "__main__":
    entry_point.run_logged("market simulation", main)
