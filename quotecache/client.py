"""What others use to get at prices: keeps every quote it hears, and asks the quote cache for those it lacks.

For the thread that owns the connection. Nothing here waits, and nothing here talks to the legacy quote server.
"""

from dataclasses import dataclass

import structlog

from rabbitmq.connection import Connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import Subscription
from rabbitmq.topology import PRICE_REQUESTS_QUEUE, PRICES_EXCHANGE
from schema.codec import decode_prices, encode
from schema.commands import VERSION
from schema.errors import DecodeError
from schema.events import QUOTE_LIFETIME_MS, NoQuote, PriceRequest, Quote

RETRY_MS = 2_000
"""A request is repeated this often while nothing is heard: it, or its answer, may have gone down with a process."""

DEADLINE_MS = 20_000
"""After this long a symbol has no quote. All attempts of the quote cache fit into it (3 × 5 s, by default)."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Outstanding:
    message: Outgoing
    since_ms: int
    repeat_at_ms: int


class Prices:
    """Quotes as heard on the prices exchange. `lookups` and `hits` count what `quote` was asked, and had."""

    def __init__(self, connection: Connection, publisher: Publisher):
        self.lookups = 0
        self.hits = 0
        self._publisher = publisher
        # Bounded by the number of symbols there are (26 + 26² + 26³), as are the answers of one turn.
        self._quotes: dict[str, Quote] = {}
        self._outstanding: dict[str, _Outstanding] = {}
        self._answers: list[Quote | NoQuote] = []
        self._look_at_ms = 0
        self._subscription = Subscription(connection, PRICES_EXCHANGE, [""], self._on_body)

    def quote(self, symbol: str, now_ms: int) -> Quote | None:
        """The newest quote, if it may still be used (spec §1). Counts as a lookup."""
        self.lookups += 1
        quote = self.peek(symbol, now_ms)
        self.hits += quote is not None
        return quote

    def peek(self, symbol: str, now_ms: int) -> Quote | None:
        """As `quote`, without being counted: for look-ahead, and for looking again after having waited."""
        quote = self._quotes.get(symbol)
        return quote if quote is not None and quote.usable(now_ms) else None

    def request(self, symbol: str, user: str, transaction_number: int, now_ms: int, for_trigger: bool = False) -> None:
        """Asks for a symbol, once while it is outstanding; `take_answers` will have a Quote or a NoQuote for it.

        Does not wait for the broker's confirm. Raises BrokerError.
        """
        if symbol in self._outstanding:
            return
        if not self._outstanding:
            self._look_at_ms = now_ms + RETRY_MS
        body = encode(PriceRequest(VERSION, symbol, user, transaction_number, for_trigger))
        message = Outgoing("", PRICE_REQUESTS_QUEUE, body)
        self._outstanding[symbol] = _Outstanding(message, now_ms, now_ms + RETRY_MS)
        self._publisher.publish(message)

    def waits_for(self, symbol: str) -> bool:
        """Whether the symbol was asked for and is not answered yet."""
        return symbol in self._outstanding

    def tick(self, now_ms: int) -> None:
        """Repeats requests that go unanswered, gives up those past their deadline. Cheap; call it every turn."""
        if not self._outstanding or now_ms < self._look_at_ms:
            return
        for symbol, outstanding in list(self._outstanding.items()):
            if now_ms >= outstanding.since_ms + DEADLINE_MS:
                del self._outstanding[symbol]
                self._answers.append(NoQuote(symbol, now_ms, f"the quote cache was silent for {DEADLINE_MS} ms"))
            elif now_ms >= outstanding.repeat_at_ms:
                outstanding.repeat_at_ms = now_ms + RETRY_MS
                self._publisher.publish(outstanding.message)
        self._look_at_ms = min((o.repeat_at_ms for o in self._outstanding.values()), default=0)

    def take_answers(self) -> list[Quote | NoQuote]:
        """What came since the last call: every new quote of any symbol, and the answers to what was asked for here.

        A quote may have run out between its sending and now: who still needs it asks again.
        """
        answers, self._answers = self._answers, []
        return answers

    def _on_body(self, body: bytes) -> None:
        try:
            message = decode_prices(body)
        except DecodeError as error:
            log.warning("broadcast of prices cannot be read", error=str(error))
            return
        if not message.answers:
            self._repeat_all()
        for answer in message.answers:
            if isinstance(answer, Quote):
                self._hear(answer)
            elif self._outstanding.pop(answer.symbol, None) is not None:
                self._answers.append(answer)

    def _repeat_all(self) -> None:
        """At the next tick: the quote cache has a new owner, and the one before may have taken our requests along."""
        self._look_at_ms = 0
        for outstanding in self._outstanding.values():
            outstanding.repeat_at_ms = 0

    def _hear(self, quote: Quote) -> None:
        outstanding = self._outstanding.get(quote.symbol)
        # A broadcast that crossed our request may carry the quote that had just run out: that is no answer to us.
        # One asked for later than our request is, however much later: the quote cache may have been away for long.
        answered = outstanding is not None and outstanding.since_ms < quote.asked_at_ms + QUOTE_LIFETIME_MS
        if answered:
            del self._outstanding[quote.symbol]
        known = self._quotes.get(quote.symbol)
        new = known is None or quote.quote_id > known.quote_id
        if new:
            self._quotes[quote.symbol] = quote
        if new or answered:
            self._answers.append(quote)
