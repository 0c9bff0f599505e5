"""What others use to get at prices: keeps every quote it hears, and asks the quote cache for those it lacks.

For the thread that owns the connection. Nothing here waits, and nothing here talks to the legacy quote server. What is
an answer, and when to ask again, is awaited.py's.
"""

import structlog

from quotecache.awaited import Awaited
from rabbitmq.connection import Connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import Subscription
from rabbitmq.topology import PRICE_REQUESTS_QUEUE, PRICES_EXCHANGE
from schema.codec import decode_prices, encode
from schema.commands import VERSION
from schema.errors import DecodeError
from schema.events import NoQuote, PriceRequest, Quote, QuoteRefused

log = structlog.get_logger()


class Prices:
    """Quotes as heard on the prices exchange. `lookups` and `hits` count what `quote` was asked, and had."""

    def __init__(self, connection: Connection, publisher: Publisher):
        self.lookups = 0
        self.hits = 0
        self._publisher = publisher
        self._awaited = Awaited()
        self._subscription = Subscription(connection, PRICES_EXCHANGE, [""], self._on_body)

    def quote(self, symbol: str, now_ms: int) -> Quote | None:
        """The newest quote, if it may still be used (spec §1). Counts as a lookup."""
        self.lookups += 1
        quote = self.peek(symbol, now_ms)
        self.hits += quote is not None
        return quote

    def peek(self, symbol: str, now_ms: int) -> Quote | None:
        """As `quote`, without being counted: for look-ahead, and for looking again after having waited."""
        return self._awaited.peek(symbol, now_ms)

    def request(
        self,
        symbol: str,
        user: str,
        transaction_number: int,
        now_ms: int,
        paid_quotes_max: int | None = None,
        for_trigger: bool = False,
    ) -> None:
        """Asks for a symbol, once while it is outstanding; `take_answers` will have an answer for it: a Quote, a
        NoQuote, or a QuoteRefused where the user has caused `paid_quotes_max` paid quotes today (None: no limit).

        Does not wait for the broker's confirm. Raises BrokerError.
        """
        request = PriceRequest(VERSION, symbol, user, transaction_number, for_trigger, paid_quotes_max)
        if self._awaited.ask(request, now_ms):
            self._send(request)

    def waits_for(self, symbol: str) -> bool:
        """Whether the symbol was asked for and is not answered yet."""
        return self._awaited.waits_for(symbol)

    def tick(self, now_ms: int) -> None:
        """Takes up what answers our requests, repeats those that go unanswered, gives up those past their deadline.

        Cheap; call it every turn, before `take_answers`. Raises BrokerError.
        """
        for request in self._awaited.tick(now_ms):
            self._send(request)

    def take_answers(self) -> list[Quote | NoQuote | QuoteRefused]:
        """What came since the last call: every new quote of any symbol, and the answers to what was asked for here.

        A quote may have run out between its sending and now: who still needs it asks again.
        """
        return self._awaited.take_answers()

    def _send(self, request: PriceRequest) -> None:
        self._publisher.publish(Outgoing("", PRICE_REQUESTS_QUEUE, encode(request)))

    def _on_body(self, body: bytes) -> None:
        try:
            message = decode_prices(body)
        except DecodeError as error:
            log.warning("broadcast of prices cannot be read", error=str(error))
            return
        if not message.answers:
            self._awaited.repeat_all()
        for answer in message.answers:
            self._awaited.hear(answer)
