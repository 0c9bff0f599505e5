"""One turn of the trigger worker: what it loads, hears, asks for and fills, in which order.

No I/O and no clock: the quotes and the pages of armed orders come through what it is given, time is an argument. The
worker (session.py) collects the changes before a turn and sends the fills after it.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Set
from typing import Protocol

from consumers.triggers import watch
from consumers.triggers.watch import Watch
from schema.commands import Fill
from schema.events import NoQuote, Quote, QuoteRefused, TriggerChange, trigger_partition_of


class Quotes(watch.Quotes, Protocol):
    """Where quotes come from: `quotecache.client.Prices`, or a table in a test."""

    def tick(self, now_ms: int) -> None: ...

    def take_answers(self) -> Iterable[Quote | NoQuote | QuoteRefused]: ...


class Turns:
    """The turns of one worker, from its start to the loss of a connection. `fills_max`: fills of one turn."""

    def __init__(self, quotes: Quotes, fills_max: int):
        self._quotes = quotes
        self._fills_max = fills_max
        self._watch = Watch(quotes)
        self._loads: deque[Iterator[list[TriggerChange]]] = deque()

    def load(self, pages: Iterator[list[TriggerChange]]) -> None:
        """Takes in the armed orders of a partition that was taken over, a page in each turn.

        A million orders take many turns, so that leases and prices do not wait.
        """
        self._loads.append(pages)

    def drop(self, partitions: Set[int]) -> None:
        """Forgets the symbols of partitions that are another worker's now."""
        self._watch.drop(lambda symbol: trigger_partition_of(symbol) in partitions)

    def run(self, news: Iterable[list[TriggerChange]], owned: Collection[int], now_ms: int) -> list[Fill]:
        """Takes in what has come; returns the fills that follow from it. Raises what the quotes and pages raise.

        `owned`: the worker's partitions of the symbols; what comes of others is dropped.
        """
        self._quotes.tick(now_ms)
        self._load_page(owned, now_ms)
        for changes in news:
            self._watch.hear_changes(_of(owned, changes), now_ms)
        self._watch.hear_answers(self._quotes.take_answers(), now_ms)
        self._watch.refresh(now_ms)
        return self._watch.take_fills(self._fills_max)

    @property
    def loading(self) -> bool:
        """Whether orders that were taken over are still to be read."""
        return bool(self._loads)

    @property
    def fills_due(self) -> int:
        """Number of fills that wait for the next turn."""
        return self._watch.fills_due

    @property
    def next_refresh_ms(self) -> int | None:
        """When a price may have to be refreshed next."""
        return self._watch.next_refresh_ms

    @property
    def armed(self) -> int:
        """Number of armed orders."""
        return self._watch.armed

    def _load_page(self, owned: Collection[int], now_ms: int) -> None:
        if not self._loads:
            return
        page = next(self._loads[0], None)
        if page is None:
            self._loads.popleft()
        else:
            self._watch.hear_changes(_of(owned, page), now_ms)


def _of(owned: Collection[int], changes: Iterable[TriggerChange]) -> list[TriggerChange]:
    return [change for change in changes if trigger_partition_of(change.symbol) in owned]
