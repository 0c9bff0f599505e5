"""Scheduler of one partition in memory, with a table of quotes.

Each method that gives it input runs one turn of the worker's loop.
"""

from consumers.transactions.account import Account
from consumers.transactions.batch import Batch
from consumers.transactions.partition_state import Item, PartitionState
from consumers.transactions.progress import Message, Progress
from consumers.transactions.scheduler import Scheduler
from schema.commands import NO_USER, VERSION, Command, DumpMarker, Fill
from schema.events import NoQuote, Quote, QuoteRefused
from tests.builders import T0, a_quote, an_account


class QuoteTable:
    """Known quotes by symbol. `asked`: the requests for quotes, as (symbol, user, transaction number)."""

    def __init__(self) -> None:
        self.quotes: dict[str, Quote] = {}
        self.asked: list[tuple[str, str, int]] = []

    def quote(self, symbol: str, now_ms: int) -> Quote | None:
        return self.peek(symbol, now_ms)

    def peek(self, symbol: str, now_ms: int) -> Quote | None:
        quote = self.quotes.get(symbol)
        return quote if quote and quote.usable(now_ms) else None

    def request(
        self, symbol: str, user: str, transaction_number: int, now_ms: int, paid_quotes_max: int | None = None
    ) -> None:
        self.asked.append((symbol, user, transaction_number))

    @property
    def symbols_asked(self) -> list[str]:
        return [symbol for symbol, _, _ in self.asked]


class SchedulerRig:
    """Scheduler under test: takes messages, hears quotes, and shows the decisions. New users begin with `cash`."""

    def __init__(
        self,
        *accounts: Account,
        cash: int = 1_000,
        partition: int = 0,
        batch_max: int = 1_000,
        quotes: QuoteTable | None = None,
        look_ahead_from: int = 1,
    ):
        self.quotes = quotes or QuoteTable()
        self.scheduler = Scheduler(self.quotes, batch_max, look_ahead_from)
        self.owned = PartitionState(partition, Progress(next_offset=0, high_offset=-1))
        self.scheduler.adopt(self.owned, [an_account(NO_USER, cash=None), *accounts])
        self.batch = Batch()
        self.now_ms = T0
        self._cash = cash
        self._offset = 0

    def takes(self, *requests: Command | Fill) -> Message:
        """Takes one message of the log, which holds these requests."""
        message = self._begin(len(requests))
        for request in requests:
            user = request.user or NO_USER
            if user not in self.owned.accounts:
                self.scheduler.adopt(self.owned, [an_account(user, self._cash)])
            self.scheduler.take(self.batch, self.owned, Item(request, message, self.now_ms), self.now_ms)
        self._sweep()
        return message

    def takes_marker(self, command: Command, asked_by: str | None = None) -> Message:
        message = self._begin(1, DumpMarker(VERSION, self.now_ms, command, asked_by))
        self.scheduler.take_marker(self.owned, message)
        self._sweep()
        return message

    def hears(self, price: int | None, symbol: str = "ABC", asked_at_ms: int | None = None) -> None:
        """Receives the quote cache's answer: a quote at this price, or, with None, that no quote is available."""
        if price is None:
            self.turn([NoQuote(symbol, self.now_ms, "silence")])
            return
        quote = a_quote(price, symbol, self.now_ms if asked_at_ms is None else asked_at_ms, quote_id=self.now_ms)
        self.quotes.quotes[symbol] = quote
        self.turn([quote])

    def hears_a_refusal(self, user: str, symbol: str = "ABC") -> None:
        """Receives the quote cache's answer that this user may buy no more quotes today."""
        self.turn([QuoteRefused(symbol, user, self.now_ms)])

    def waits(self, ms: int) -> None:
        self.now_ms += ms
        self.turn([])

    def begins_a_new_batch(self) -> None:
        """Begins a new batch, as after a commit, and runs what is ready."""
        self.batch = Batch()
        self.turn([])

    def account(self, user: str = "ann") -> Account:
        return self.owned.accounts[user]

    @property
    def done(self) -> list[tuple[str, int]]:
        """User and transaction number of each decision of this batch, rejections included, in order."""
        return [(row.user, row.decision.transaction_number) for row in self.batch.rows]

    @property
    def numbers(self) -> list[int]:
        return [number for _, number in self.done]

    @property
    def reasons(self) -> dict[int, str | None]:
        return {row.decision.transaction_number: row.decision.reason for row in self.batch.rows}

    @property
    def logged(self) -> list[tuple[str, int]]:
        """Kind and transaction number of the entries of this batch."""
        output = self.batch.outputs.get(self.owned.partition)
        return [(entry.kind, entry.transaction_number) for entry in output.entries] if output else []

    @property
    def next_offset(self) -> int:
        return self.owned.progress.next_offset

    def _begin(self, requests: int, marker: DumpMarker | None = None) -> Message:
        self._offset += 1
        return self.owned.progress.begin(self._offset - 1, tag=self._offset, commands=requests, marker=marker)

    def turn(self, answers: list) -> None:
        """Runs one turn with these answers. Their quotes must be in `quotes` already."""
        self.scheduler.hear(answers, self.now_ms)
        self.scheduler.run_ready(self.batch, self.now_ms)
        self._sweep()

    def _sweep(self) -> None:
        self.scheduler.sweep(self.batch, self.owned, self.now_ms)
