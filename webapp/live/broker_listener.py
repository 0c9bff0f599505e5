"""The thread that listens to the broker for the event loop: prices, and news of accounts. It decides nothing.

It binds only the partitions of users who have a page open, so that it receives no news of others (a load test).
"""

from collections.abc import Callable

import structlog

from rabbitmq.connection import Connection, open_connection
from rabbitmq.subscription import Subscription
from rabbitmq.topology import ACCOUNTS_EXCHANGE, PRICES_EXCHANGE, account_key
from runtime.vitals import VITALS
from runtime.wall_clock import now_ms
from schema.codec import decode_accounts_changed, decode_prices
from schema.errors import BrokerError, DecodeError
from schema.events import CLOCK_STEP_MS_MAX, Quote
from webapp.broker_thread import BrokerThread

CONNECT_SECONDS_MAX = 2.0
PAUSE_SECONDS = 0.3
PUMP_SECONDS = 1.0

log = structlog.get_logger()


class BrokerListener(BrokerThread):
    """Listener that calls its callbacks from its own thread. `on_bound`: it now receives news of
    these partitions."""

    def __init__(
        self,
        amqp_url: str,
        name: str,
        on_quotes: Callable[[list[Quote]], None],
        on_changed: Callable[[list[str]], None],
        on_bound: Callable[[set[int]], None],
        on_status: Callable[[bool], None],
    ):
        super().__init__(amqp_url, name, "broker-listener")
        self._on_quotes = on_quotes
        self._on_changed = on_changed
        self._on_bound = on_bound
        self._on_status = on_status
        self._wanted: frozenset[int] = frozenset()
        self._bound: set[int] = set()

    def want(self, partitions: frozenset[int]) -> None:
        """Sets the partitions whose accounts' news the listener hears from now on. Safe for any thread."""
        if partitions != self._wanted:
            self._wanted = partitions
            self._wake()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._listen(open_connection(self._amqp_url, self._name, CONNECT_SECONDS_MAX))
            except BrokerError as error:
                log.warning("live updates interrupted", error=str(error))
                self._pause()
            except Exception:
                # A programming error must not leave pages that call themselves live and hear nothing.
                log.exception("live updates interrupted")
                self._pause()

    def _pause(self) -> None:
        self._on_status(False)
        self._stopping.wait(PAUSE_SECONDS)

    def _listen(self, connection: Connection) -> None:
        self._connection = connection
        self._bound = set()
        try:
            connection.ask_regularly(VITALS.broker_answered)
            Subscription(connection, PRICES_EXCHANGE, [""], self._hear_prices)
            accounts = Subscription(connection, ACCOUNTS_EXCHANGE, [], self._hear_accounts)
            self._bind(accounts)
            self._on_status(True)
            while not self._stopping.is_set():
                connection.pump(PUMP_SECONDS)
                self._bind(accounts)
        finally:
            connection.close()

    def _bind(self, accounts: Subscription) -> None:
        wanted = set(self._wanted)
        new = wanted - self._bound
        for partition in new:
            accounts.bind(account_key(partition))
        for partition in self._bound - wanted:
            accounts.unbind(account_key(partition))
        self._bound = wanted
        if new:
            self._on_bound(new)

    def _hear_prices(self, body: bytes) -> None:
        try:
            answers = decode_prices(body).answers
        except DecodeError as error:
            log.warning("undecodable message of prices", error=str(error))
            return
        # A quote dated in the future is a mistake, and would count as the newest until then.
        latest_ms = now_ms() + CLOCK_STEP_MS_MAX
        self._on_quotes([one for one in answers if isinstance(one, Quote) and one.asked_at_ms <= latest_ms])

    def _hear_accounts(self, body: bytes) -> None:
        try:
            self._on_changed(decode_accounts_changed(body).users)
        except DecodeError as error:
            log.warning("undecodable message of account changes", error=str(error))
