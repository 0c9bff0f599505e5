"""Turn of the trigger worker: what it loads, receives, requests and fills, in which order.

No I/O and no clock: quotes and pages of armed orders come through ports, and time is an argument. The worker
(worker.py) collects the changes before a turn and sends the fills after it.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Set
from typing import Protocol

from consumers.triggers import watch
from consumers.triggers.watch import TriggerWatch
from schema.commands import Fill
from schema.events import NoQuote, Quote, QuoteRefused, TriggerChange, trigger_partition_of


class TriggerQuotes(watch.WatchQuotes, Protocol):
    """Source of quotes: `quotecache.client.Prices`, or a table in a test."""

    def tick(self, now_ms: int) -> None: ...

    def take_answers(self) -> Iterable[Quote | NoQuote | QuoteRefused]: ...


class TriggerTurns:
    """The turns of one worker, from its start to the loss of a connection. `fills_max`: maximum fills of one turn."""

    def __init__(self, quotes: TriggerQuotes, fills_max: int):
        self._quotes = quotes
        self._fills_max = fills_max
        self._watch = TriggerWatch(quotes)
        self._loads: deque[Iterator[list[TriggerChange]]] = deque()

    def load(self, pages: Iterator[list[TriggerChange]]) -> None:
        """Adds the armed orders of a gained partition. Later turns read them page by page.

        A million orders take many turns, so that leases and prices do not have to wait.
        """
        self._loads.append(pages)

    def drop(self, partitions: Set[int]) -> None:
        """Drops the symbols of partitions that another worker owns now."""
        self._watch.drop(lambda symbol: trigger_partition_of(symbol) in partitions)

    def run(self, news: Iterable[list[TriggerChange]], owned: Collection[int], now_ms: int) -> list[Fill]:
        """Applies changes and prices, and returns the fills that follow. Raises what the quotes and pages raise.

        `owned`: the worker's partitions of the symbols. Changes of other partitions are dropped.
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
        """Whether orders of gained partitions are still to be read."""
        return bool(self._loads)

    @property
    def fills_due(self) -> int:
        """Number of fills that wait for the next turn."""
        return self._watch.fills_due

    @property
    def next_refresh_ms(self) -> int | None:
        """Time at which a price may have to be refreshed next, ms since the epoch; None if there is none."""
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
