"""The prices that one process knows: the quotes it has received, and the symbols it has requested without an answer.

Pure: no I/O, no clock (time is an argument), no logging. The clocks of two processes may differ widely, and a clock
may be set back at any moment. So only a quote that is usable by this process's clock counts as an answer, and a
request whose recorded time lies in the future is treated as made just now.
"""

from dataclasses import dataclass

from schema.events import CLOCK_STEP_MS_MAX, NoQuote, PriceRequest, Quote, QuoteRefused, is_due

RETRY_MS = 2_000
"""Milliseconds between repeats of an unanswered request: it, or its answer, may be lost with a dead process."""

DEADLINE_MS = 20_000
"""Milliseconds after which a request fails. All attempts of the quote cache fit into it (3 × 5 s, by default)."""


@dataclass(slots=True)
class _Outstanding:
    request: PriceRequest
    since_ms: int
    repeat_at_ms: int


class PendingQuotes:
    """Quotes and outstanding requests of one process: `hear` each broadcast, `tick` every turn, then `take_answers`."""

    def __init__(self) -> None:
        # The number of possible symbols (26 + 26² + 26³) bounds each of these, and the answers of one turn.
        self._quotes: dict[str, Quote] = {}
        self._outstanding: dict[str, _Outstanding] = {}
        self._told: dict[str, bool] = {}
        """Outstanding symbols with a quote heard since the last tick, and whether any of these quotes was new."""
        self._lower: dict[str, Quote] = {}
        """Quotes heard since the last tick whose `quote_id` is below that of the quote known for the symbol."""
        self._answers: list[Quote | NoQuote | QuoteRefused] = []
        self._look_at_ms = 0

    def peek(self, symbol: str, now_ms: int) -> Quote | None:
        """Returns the newest quote if it may still be used (spec §1)."""
        quote = self._quotes.get(symbol)
        return quote if quote is not None and quote.usable(now_ms) else None

    def ask(self, request: PriceRequest, now_ms: int) -> bool:
        """Registers a request. Returns whether to send it: not while its symbol is outstanding already."""
        if request.symbol in self._outstanding:
            return False
        if not self._outstanding:
            self._look_at_ms = now_ms + RETRY_MS
        self._outstanding[request.symbol] = _Outstanding(request, now_ms, now_ms + RETRY_MS)
        return True

    def waits_for(self, symbol: str) -> bool:
        """Whether the symbol was requested and is not answered yet."""
        return symbol in self._outstanding

    def hear(self, answer: Quote | NoQuote | QuoteRefused) -> None:
        """Takes in one broadcast answer. The next `tick` decides whether a quote answers an outstanding request."""
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
        """Ends requests that are answered or past their deadline; returns the requests to repeat. Cheap."""
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
                self._answers.append(NoQuote(symbol, now_ms, f"no usable quote arrived within {DEADLINE_MS} ms"))
            elif is_due(outstanding.repeat_at_ms, now_ms, RETRY_MS):
                outstanding.repeat_at_ms = now_ms + RETRY_MS
                repeated.append(outstanding.request)
        self._look_at_ms = min((o.repeat_at_ms for o in self._outstanding.values()), default=0)
        return repeated

    def repeat_all(self) -> None:
        """Makes the next `tick` repeat every outstanding request: a new owner of the quote cache may not know them."""
        self._look_at_ms = 0
        for outstanding in self._outstanding.values():
            outstanding.repeat_at_ms = 0

    def take_answers(self) -> list[Quote | NoQuote | QuoteRefused]:
        """Returns every new quote of any symbol and the answers to this process's requests since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def _prefer_usable(self, now_ms: int) -> None:
        # A quote with a false, too high number (a mistake or a forgery) must not block every later quote of its symbol.
        # So once the known quote is no longer usable, a usable quote with a lower number replaces it.
        for symbol, quote in self._lower.items():
            if quote.usable(now_ms) and self.peek(symbol, now_ms) is None:
                self._quotes[symbol] = quote
                self._answers.append(quote)
                if symbol in self._told:
                    self._told[symbol] = True
        self._lower.clear()

    def _judge(self, now_ms: int) -> None:
        # A quote heard may be unusable here: the broadcast crossed the request and carries the quote that just expired,
        # or the quote cache's clock differs and it still counts the quote as usable. If that counted as an answer, the
        # caller would ask again at once, without end. So the request stays outstanding, with repeats and deadline.
        for symbol, was_news in self._told.items():
            quote = self.peek(symbol, now_ms)
            if quote is not None and self._outstanding.pop(symbol, None) is not None and not was_news:
                self._answers.append(quote)
        self._told.clear()
