"""Trigger workers, owners of accounts and quote cache in memory, with the messages not delivered yet.

The engine, the announced changes and the workers' turns are production code. Messages are lists, which a test delivers
late or twice, and workers die. Nothing here is chosen at random.
"""

from collections import deque
from collections.abc import Iterator

from consumers.transactions import engine
from consumers.triggers.turn import TriggerTurns
from schema.commands import Fill
from schema.events import NoQuote, Quote, TriggerChange, trigger_partition_of
from schema.outcomes import Outcome, Side
from tests.builders import T0, Trader, a_quote

SYMBOLS = ("A", "B")
assert len({trigger_partition_of(symbol) for symbol in SYMBOLS}) == len(SYMBOLS), "each changes hands by itself"
FILLS_MAX = 3


class TriggerQuoteTable:
    """Quotes that a worker has heard, and its requests; replaces `quotecache.client.Prices`."""

    def __init__(self) -> None:
        self.quotes: dict[str, Quote] = {}
        self.asked: set[str] = set()
        self.answers: list[Quote | NoQuote] = []

    def hear(self, answer: Quote | NoQuote) -> None:
        self.asked.discard(answer.symbol)
        known = self.quotes.get(answer.symbol)
        if isinstance(answer, Quote) and (known is None or answer.quote_id > known.quote_id):
            self.quotes[answer.symbol] = answer
        self.answers.append(answer)

    def tick(self, now_ms: int) -> None: ...

    def take_answers(self) -> list[Quote | NoQuote]:
        answers, self.answers = self.answers, []
        return answers

    def peek(self, symbol: str, now_ms: int) -> Quote | None:
        quote = self.quotes.get(symbol)
        return quote if quote and quote.usable(now_ms) else None

    def request(self, symbol: str, user: str, transaction_number: int, now_ms: int, for_trigger: bool) -> None:
        assert for_trigger
        assert self.peek(symbol, now_ms) is None, "refreshed before its quote ran out"
        self.asked.add(symbol)


class TriggerWorkerLife:
    """One life of a trigger worker, and messages on their way to it. `owned`: partitions of the symbols."""

    def __init__(self) -> None:
        self.quotes = TriggerQuoteTable()
        self.owned: set[int] = set()
        self.turns = TriggerTurns(self.quotes, FILLS_MAX)
        self.news: deque[list[TriggerChange]] = deque()

    def turn(self, now_ms: int) -> list[Fill]:
        fills = self.turns.run(self.news, self.owned, now_ms)
        self.news.clear()
        return fills

    @property
    def has_work(self) -> bool:
        return bool(self.turns.loading or self.news or self.quotes.answers or self.turns.fills_due)


class TriggerWorld:
    """Users' accounts, which are also what Postgres holds; two workers; and the quotes that were bought."""

    def __init__(self, users: tuple[str, ...]):
        self.now_ms = T0
        self.traders = {user: Trader(cash=1_000, shares=dict.fromkeys(SYMBOLS, 100), user=user) for user in users}
        self.workers = [TriggerWorkerLife(), TriggerWorkerLife()]
        self.owner = {symbol: n % 2 for n, symbol in enumerate(SYMBOLS)}
        self.quotes: dict[str, Quote] = {}
        self.log: dict[str, deque[Fill]] = {user: deque() for user in users}
        self._announced = dict.fromkeys(users, 0)
        self._bought = 0
        for symbol, n in self.owner.items():
            self.take_over(n, symbol)

    # Accounts

    def command(self, user: str, name: str, amount: int, symbol: str) -> bool:
        """Runs a command; returns whether it is done. A done one is in Postgres, and `announce` announces it later."""
        trader = self.traders[user]
        trader.now_ms = self.now_ms
        return trader.gives(name, amount, symbol).outcome is Outcome.DONE

    def run_fill(self, user: str):
        """Executes the next fill of the user's log; returns the fill, its order, and the decision or None."""
        trader, fill = self.traders[user], self.log[user].popleft()
        trader.now_ms = self.now_ms
        order = trader.account.triggers.get((fill.symbol, fill.side))
        decision = engine.decide_fill(trader.account, fill, self.now_ms)
        if decision is not None:
            trader.fills(fill.price_cents, fill.version, fill.side, fill.asked_at_ms, fill.symbol)
        return fill, order, decision

    def announce(self, user: str, again: int = 0) -> None:
        """Announces what a user committed since the last time, and the last `again` changes before it once more."""
        changes = self.traders[user].output.changes
        first = max(0, self._announced[user] - again)
        self._announced[user] = len(changes)
        for change in changes[first:]:
            for worker in self.workers:
                if trigger_partition_of(change.symbol) in worker.owned:
                    worker.news.append([change])

    def armed(self, symbol: str) -> list:
        """Returns (user, order) of every armed order on a symbol, as Postgres holds it."""
        return [
            (user, order)
            for user, trader in self.traders.items()
            for order in trader.account.triggers.values()
            if order.symbol == symbol and order.trigger_cents is not None
        ]

    # Workers

    def take_over(self, n: int, symbol: str) -> None:
        """Lets the worker hear of the symbol from now on; it reads the orders armed by now in its next turns."""
        self.owner[symbol] = n
        worker = self.workers[n]
        worker.owned.add(trigger_partition_of(symbol))
        worker.turns.load(self._pages(symbol))

    def _pages(self, symbol: str) -> Iterator[list[TriggerChange]]:
        """Yields armed orders one per page, each in its state at reading, like `consumers.triggers.store.armed`."""
        for user, side in [(user, o.side) for user, o in self.armed(symbol)]:
            o = self.traders[user].account.triggers.get((symbol, side))
            if o is not None and o.trigger_cents is not None:
                state = (o.trigger_cents, o.reserved_cents, o.reserved_shares, o.transaction_number)
                yield [TriggerChange(user, symbol, o.side, o.version, *state)]

    def notice(self, n: int) -> None:
        """Tells the worker which symbols it has lost. The queues of their changes go, with all messages in them."""
        worker = self.workers[n]
        lost = {trigger_partition_of(symbol) for symbol, owner in self.owner.items() if owner != n} & worker.owned
        worker.owned -= lost
        worker.news = deque(
            changes for changes in worker.news if trigger_partition_of(changes[0].symbol) in worker.owned
        )
        worker.turns.drop(lost)

    def restart(self, n: int) -> None:
        """Kills a worker, which loses all that it has heard and not sent. Its successor takes over its symbols."""
        self.workers[n] = TriggerWorkerLife()
        for symbol in [symbol for symbol, owner in self.owner.items() if owner == n]:
            self.take_over(n, symbol)

    def turn(self, n: int, lost: bool = False) -> None:
        """Runs a worker's turn. `lost`: the worker dies before it sends its fills."""
        fills = self.workers[n].turn(self.now_ms)
        if lost:
            self.restart(n)
            return
        for fill in fills:
            self.log[fill.user].append(fill)

    # Quotes

    def usable(self, symbol: str) -> Quote | None:
        quote = self.quotes.get(symbol)
        return quote if quote and quote.usable(self.now_ms) else None

    def announce_price(self, symbol: str, price_cents: int) -> None:
        """Broadcasts a symbol's usable quote; if there is none, buys one at `price_cents`."""
        if self.usable(symbol) is None:
            self._bought += 1
            self.quotes[symbol] = a_quote(price_cents, symbol, self.now_ms, self._bought)
        for worker in self.workers:
            worker.quotes.hear(self.quotes[symbol])

    def fail(self, symbol: str) -> None:
        """Tells waiting workers that no quote is available; the quote cache says so only while it has none."""
        if self.usable(symbol) is not None:
            return
        for worker in self.workers:
            if symbol in worker.quotes.asked:
                worker.quotes.hear(NoQuote(symbol, self.now_ms, "silence"))

    def come_to_rest(self, price_cents: int) -> None:
        """Delivers and answers everything while no time passes; quotes that are bought cost `price_cents`."""
        for n in range(len(self.workers)):
            self.notice(n)
        for _ in range(400):
            for user in self.traders:
                self.announce(user)
            for n in range(len(self.workers)):
                self.turn(n)
            for user, log in self.log.items():
                while log:
                    yield self.run_fill(user)
            asked = {symbol for worker in self.workers for symbol in worker.quotes.asked}
            for symbol in sorted(asked):
                self.announce_price(symbol, price_cents)
            if not asked and not self._is_under_way():
                return
        raise AssertionError("it does not come to rest")

    def _is_under_way(self) -> bool:
        announced = all(len(trader.output.changes) == self._announced[user] for user, trader in self.traders.items())
        return not announced or any(worker.has_work for worker in self.workers)


def fills_at(order, price_cents: int) -> bool:
    """Whether a price satisfies an order and moves a share, in spec §3's own words, for comparison."""
    if order.side is Side.BUY:
        return price_cents <= order.trigger_cents and order.reserved_cents // price_cents > 0
    return price_cents >= order.trigger_cents and order.reserved_shares > 0
