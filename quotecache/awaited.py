"""What a process knows of prices: the quotes that it has heard, and the symbols that it asked for in vain so far.

Pure: no I/O, no clock (time is an argument), no logging. Clocks may be far apart, and be set back at any moment: so
only a quote that is usable here and now is an answer, and what was asked for in a time yet to come was asked just now.
"""

from dataclasses import dataclass

from schema.events import CLOCK_STEP_MS_MAX, NoQuote, PriceRequest, Quote, QuoteRefused, is_due

RETRY_MS = 2_000
"""A request is repeated this often while nothing is heard: it, or its answer, may have gone down with a process."""

DEADLINE_MS = 20_000
"""After this long a symbol has no quote. All attempts of the quote cache fit into it (3 × 5 s, by default)."""


@dataclass(slots=True)
class _Outstanding:
    request: PriceRequest
    since_ms: int
    repeat_at_ms: int


class Awaited:
    """`hear` what comes, `tick` every turn, then `take_answers`."""

    def __init__(self) -> None:
        # Each is bounded by the number of symbols there are (26 + 26² + 26³), as are the answers of one turn.
        self._quotes: dict[str, Quote] = {}
        self._outstanding: dict[str, _Outstanding] = {}
        self._told: dict[str, bool] = {}
        """Outstanding symbols of which a quote was heard since the last tick, and whether that one was news."""
        self._lower: dict[str, Quote] = {}
        """Quotes heard since the last tick whose number is below that of the one known."""
        self._answers: list[Quote | NoQuote | QuoteRefused] = []
        self._look_at_ms = 0

    def peek(self, symbol: str, now_ms: int) -> Quote | None:
        """The newest quote, if it may still be used (spec §1)."""
        quote = self._quotes.get(symbol)
        return quote if quote is not None and quote.usable(now_ms) else None

    def ask(self, request: PriceRequest, now_ms: int) -> bool:
        """Whether to send this request: not while its symbol is outstanding."""
        if request.symbol in self._outstanding:
            return False
        if not self._outstanding:
            self._look_at_ms = now_ms + RETRY_MS
        self._outstanding[request.symbol] = _Outstanding(request, now_ms, now_ms + RETRY_MS)
        return True

    def waits_for(self, symbol: str) -> bool:
        """Whether the symbol was asked for and is not answered yet."""
        return symbol in self._outstanding

    def hear(self, answer: Quote | NoQuote | QuoteRefused) -> None:
        """Something that was broadcast. Whether a quote answers our request is judged by the next `tick`."""
        symbol = answer.symbol
        if isinstance(answer, QuoteRefused):
            outstanding = self._outstanding.get(symbol)
            if outstanding is not None and outstanding.request.user == answer.user:
                del self._outstanding[symbol]
                self._answers.append(answer)
            return
        if isinstance(answer, NoQuote):
            if self._outstanding.pop(symbol, None) is not None:
                self._answers.append(answer)
            return
        known = self._quotes.get(symbol)
        is_news = known is None or answer.quote_id > known.quote_id
        if known is None or is_news:
            self._quotes[symbol] = answer
            self._answers.append(answer)
        elif answer.quote_id < known.quote_id:
            self._lower[symbol] = answer
        if symbol in self._outstanding:
            self._told[symbol] = is_news or self._told.get(symbol, False)

    def tick(self, now_ms: int) -> list[PriceRequest]:
        """Ends what is answered and what is past its deadline; returns the requests to repeat. Cheap."""
        if self._lower:
            self._prefer_usable(now_ms)
        if self._told:
            self._judge(now_ms)
        if not self._outstanding or not is_due(self._look_at_ms, now_ms, RETRY_MS):
            return []
        repeated = []
        for symbol, outstanding in list(self._outstanding.items()):
            if outstanding.since_ms > now_ms + CLOCK_STEP_MS_MAX:
                outstanding.since_ms = now_ms
            if now_ms >= outstanding.since_ms + DEADLINE_MS:
                del self._outstanding[symbol]
                self._answers.append(NoQuote(symbol, now_ms, f"no quote to be used was heard for {DEADLINE_MS} ms"))
            elif is_due(outstanding.repeat_at_ms, now_ms, RETRY_MS):
                outstanding.repeat_at_ms = now_ms + RETRY_MS
                repeated.append(outstanding.request)
        self._look_at_ms = min((o.repeat_at_ms for o in self._outstanding.values()), default=0)
        return repeated

    def repeat_all(self) -> None:
        """At the next tick: the quote cache has a new owner, and the one before may have taken our requests along."""
        self._look_at_ms = 0
        for outstanding in self._outstanding.values():
            outstanding.repeat_at_ms = 0

    def take_answers(self) -> list[Quote | NoQuote | QuoteRefused]:
        """What came since the last call: every new quote of any symbol, and the answers to what was asked for here."""
        answers, self._answers = self._answers, []
        return answers

    def _prefer_usable(self, now_ms: int) -> None:
        # A number that no quote cache ever gave (somebody's mistake, or a forgery) must not keep every later quote of
        # its symbol away: what cannot be used any more makes room.
        for symbol, quote in self._lower.items():
            if quote.usable(now_ms) and self.peek(symbol, now_ms) is None:
                self._quotes[symbol] = quote
                self._answers.append(quote)
                if symbol in self._told:
                    self._told[symbol] = True
        self._lower.clear()

    def _judge(self, now_ms: int) -> None:
        # A broadcast that crossed our request may carry the quote that had just run out; and where the quote cache's
        # clock is far from ours, it holds a quote for usable that we do not. To take either for an answer would be to
        # ask again at once, without end: it goes on being outstanding instead, with its repeats and its deadline.
        for symbol, was_news in self._told.items():
            quote = self.peek(symbol, now_ms)
            if quote is not None and self._outstanding.pop(symbol, None) is not None and not was_news:
                self._answers.append(quote)
        self._told.clear()
