"""State that feeds all open pages: the newest prices, the open streams, and the users whose accounts have news.

Only the event loop's thread may use it. No broker, no database, no HTTP: their code calls this module.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable

from schema.commands import partition_of
from schema.events import QUOTE_LIFETIME_MS, Quote
from webapp.live.stream import Stream


class Full(Exception):
    """The maximum number of streams is open already: of all, or, if `own`, of this person or network."""

    def __init__(self, own: bool):
        super().__init__("no further stream may be opened")
        self.own = own


class StreamRegistry:
    """Open streams and the news for them. Further streams than the given maximums are refused.

    `each_max`: of one person; `network_max`: of one network.
    """

    def __init__(self, streams_max: int, each_max: int, network_max: int):
        self._streams_max = streams_max
        self._each_max = each_max
        self._network_max = network_max
        self._by_network: Counter[str] = Counter()
        self._streams: set[Stream] = set()
        self._by_user: dict[str, set[Stream]] = defaultdict(set)
        self._by_symbol: dict[str, set[Stream]] = defaultdict(set)
        self._quotes: dict[str, Quote] = {}
        self._stale: set[str] = set()
        self.live = False

    def open(self, stream: Stream) -> None:
        """Adds a stream, which now hears of its account and symbols, beginning with what is known. Raises Full."""
        if len(self._streams) >= self._streams_max:
            raise Full(own=False)
        is_over = self._by_network[stream.network] >= self._network_max
        if is_over or len(self._by_user.get(stream.user, ())) >= self._each_max:
            raise Full(own=True)
        self._streams.add(stream)
        self._by_network[stream.network] += 1
        self._by_user[stream.user].add(stream)
        for symbol in stream.symbols:
            self._by_symbol[symbol].add(stream)
            if symbol in self._quotes:
                self._tell(stream, self._quotes[symbol])
        stream.tell_status(self.live)
        self._stale.add(stream.user)

    def close(self, stream: Stream) -> None:
        if stream in self._streams:
            self._streams.remove(stream)
            self._by_network[stream.network] -= 1
            self._by_network += Counter()  # drops those that have none
        _drop(self._by_user, stream.user, stream)
        for symbol in stream.symbols:
            _drop(self._by_symbol, symbol, stream)

    def hear_quotes(self, quotes: Iterable[Quote]) -> None:
        """Takes prices from a broadcast or the database; a stream never hears an older price after a newer one."""
        for quote in quotes:
            known = self._quotes.get(quote.symbol)
            if known is None or _supersedes(quote, known):
                self._quotes[quote.symbol] = quote
                for stream in self._by_symbol.get(quote.symbol, ()):
                    self._tell(stream, quote)

    def hear_changed(self, users: Iterable[str]) -> None:
        """Notes that these users' accounts have changed; users without an open page are ignored."""
        self._stale.update(user for user in users if user in self._by_user)

    def hear_bound(self, partitions: set[int]) -> None:
        """Notes that news of these partitions come from now on; earlier news may have been missed."""
        self._stale.update(user for user in self._by_user if partition_of(user) in partitions)

    def hear_status(self, live: bool) -> None:
        """Notes that the broker was lost or is back. Every account is then looked up: news may have been missed."""
        self.live = live
        if live:
            self._stale.update(self._by_user)
        for stream in self._streams:
            stream.tell_status(live)

    def take_stale(self) -> list[str]:
        """Takes the users whose newest row has to be looked up; from then on they count as looked up."""
        stale, self._stale = list(self._stale), set()
        return stale

    def put_back(self, users: Iterable[str]) -> None:
        """Returns users whose look-up failed, so that it is retried."""
        self._stale.update(users)

    def tell_seqs(self, seqs: Iterable[tuple[str, int]]) -> None:
        """Tells the streams the number of their user's newest row. `seqs`: pairs of user and number."""
        for user, seq in seqs:
            for stream in self._by_user.get(user, ()):
                stream.tell_account(seq)

    def unknown(self, symbols: Iterable[str]) -> list[str]:
        """The given symbols for which no price was heard yet."""
        return [symbol for symbol in symbols if symbol not in self._quotes]

    def end(self) -> None:
        """Wakes the senders of all streams, so that they notice the end of this process."""
        for stream in self._streams:
            stream.news.set()

    @property
    def partitions(self) -> frozenset[int]:
        """Partitions of the users who have a page open: only their news are of interest."""
        return frozenset(map(partition_of, self._by_user))

    @property
    def count(self) -> int:
        """Number of open streams."""
        return len(self._streams)

    @staticmethod
    def _tell(stream: Stream, quote: Quote) -> None:
        stream.tell_price(quote.symbol, quote.price_cents, quote.asked_at_ms)


def _supersedes(quote: Quote, known: Quote) -> bool:
    """Whether a quote has a higher number, or is newer by a lifetime: the known one may be forged, with any number."""
    return quote.quote_id > known.quote_id or quote.asked_at_ms >= known.asked_at_ms + QUOTE_LIFETIME_MS


def _drop(streams: dict[str, set[Stream]], key: str, stream: Stream) -> None:
    streams[key].discard(stream)
    if not streams[key]:
        del streams[key]
