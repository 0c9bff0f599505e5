"""Client of the quote cache: keeps every quote it hears, and requests those it lacks.

Only the thread that owns the connection may use it. Nothing here waits or talks to the legacy quote server.
pending_quotes.py decides what counts as an answer and when to repeat a request.
"""

import structlog

from quotecache.pending_quotes import PendingQuotes
from rabbitmq.connection import Connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import Subscription
from rabbitmq.topology import PRICE_REQUESTS_EXCHANGE, PRICES_EXCHANGE
from schema.codec import decode_prices, encode
from schema.commands import VERSION
from schema.errors import DecodeError
from schema.events import NoQuote, PriceRequest, Quote, QuoteRefused

log = structlog.get_logger()


class Prices:
    """Quotes heard on the prices exchange. `lookups` counts calls of `quote`, `hits` those that returned a quote."""

    def __init__(self, connection: Connection, publisher: Publisher):
        self.lookups = 0
        self.hits = 0
        self._publisher = publisher
        self._pending = PendingQuotes()
        self._subscription = Subscription(connection, PRICES_EXCHANGE, [""], self._on_body)

    def quote(self, symbol: str, now_ms: int) -> Quote | None:
        """Returns the newest quote if it may still be used (spec §1). Counts as a lookup."""
        self.lookups += 1
        quote = self.peek(symbol, now_ms)
        self.hits += quote is not None
        return quote

    def peek(self, symbol: str, now_ms: int) -> Quote | None:
        """Returns the same as `quote`, without counting a lookup: for early requests, and for repeated looks."""
        return self._pending.peek(symbol, now_ms)

    def request(
        self,
        symbol: str,
        user: str,
        transaction_number: int,
        now_ms: int,
        paid_quotes_max: int | None = None,
        for_trigger: bool = False,
    ) -> None:
        """Requests a quote, unless a request for this symbol is unanswered.

        `take_answers` will return the answer: a Quote, a NoQuote, or a QuoteRefused if the user has caused
        `paid_quotes_max` paid quotes today (None: no limit). Does not wait for the broker's confirm. Raises
        BrokerError.
        """
        request = PriceRequest(VERSION, symbol, user, transaction_number, for_trigger, paid_quotes_max)
        if self._pending.ask(request, now_ms):
            self._send(request)

    def waits_for(self, symbol: str) -> bool:
        """Whether the symbol was requested and is not answered yet."""
        return self._pending.waits_for(symbol)

    def tick(self, now_ms: int) -> None:
        """Resolves answered requests, repeats unanswered ones, and gives up those past their deadline.

        Cheap; call it every turn, before `take_answers`. Raises BrokerError.
        """
        for request in self._pending.tick(now_ms):
            self._send(request)

    def take_answers(self) -> list[Quote | NoQuote | QuoteRefused]:
        """Returns every new quote of any symbol and the answers to this process's requests since the last call.

        A quote may have expired since it was sent; a caller that still needs one requests it again.
        """
        return self._pending.take_answers()

    def _send(self, request: PriceRequest) -> None:
        self._publisher.publish(Outgoing(PRICE_REQUESTS_EXCHANGE, "", encode(request)))

    def _on_body(self, body: bytes) -> None:
        try:
            message = decode_prices(body)
        except DecodeError as error:
            log.warning("undecodable price broadcast", error=str(error))
            return
        if not message.answers:
            self._pending.repeat_all()
        for answer in message.answers:
            self._pending.hear(answer)
