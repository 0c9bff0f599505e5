"""Turn of the transaction worker: what it looks up, takes and runs, in which order, and when it acknowledges.

No I/O and no clock: quotes, the database and the time come through ports. The worker (worker.py) fills the backlogs
before a turn; after it, the worker commits the batch, publishes what follows from it, and acknowledges.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Protocol

from consumers.transactions import look_ahead
from consumers.transactions.account import Account
from consumers.transactions.batch import Batch
from consumers.transactions.copies import Answers, Questions, is_settled, survey
from consumers.transactions.intake import Arrival, Intake
from consumers.transactions.partition_state import Item, Key, PartitionState
from consumers.transactions.scheduler import Scheduler
from consumers.transactions.sources import Stranger
from schema.commands import CommandBatch, DumpMarker
from schema.events import NoQuote, Quote, QuoteRefused

PREFETCH_MESSAGES = 25
"""Maximum messages of a partition that the broker has delivered and the worker has not taken: 10,000 commands."""

ACCOUNTS_MAX = 200_000
"""Accounts of a partition in memory above which the worker drops those without waiting commands or pending orders."""


class QuoteSource(look_ahead.QuoteLookup, Protocol):
    """Source of quotes: `quotecache.client.Prices`, or a table in a test."""

    def tick(self, now_ms: int) -> None: ...

    def take_answers(self) -> Collection[Quote | NoQuote | QuoteRefused]: ...


@dataclass(frozen=True, slots=True)
class Records:
    """Answers from the database, as of the last commit.

    `load` returns the accounts of these users; `copies.Questions` explains `newest` and `answers`.
    """

    load: Callable[[Collection[str]], Iterable[Account]]
    newest: Callable[[Collection[Stranger]], dict[Stranger, bytes]]
    answers: Callable[[Collection[Key]], Answers]


class ActivePartition:
    """Partition that a worker owns and works on: its backlog, and its state in memory."""

    def __init__(self, intake: Intake, state: PartitionState, accounts_max: int = ACCOUNTS_MAX):
        self.intake = intake
        self.state = state
        self.served_at = 0
        """Number of the last turn that took from its backlog."""
        self._accounts_max = accounts_max

    @property
    def runs_far_ahead(self) -> bool:
        """Whether to delay acknowledgements, so that the broker sends no more. Checks only if many are unfinished."""
        return self.state.progress.unfinished > PREFETCH_MESSAGES and self.state.runs_far_ahead

    def end_turn(self) -> None:
        """Call it once the turn's batch is committed and the finished tags are acknowledged."""
        self.state.finished_tags.clear()
        if len(self.state.accounts) > self._accounts_max:
            self.state.forget_idle()


class TransactionTurns:
    """The turns of one worker, from its start to the loss of a connection.

    `now_ms`: the worker's clock, read once a turn. `rows_max`: approximate maximum of history rows per batch.
    """

    def __init__(
        self,
        quotes: QuoteSource,
        records: Records,
        now_ms: Callable[[], int],
        rows_max: int,
        look_ahead_from: int = look_ahead.LOOK_AHEAD_FROM,
    ):
        self.scheduler = Scheduler(quotes, rows_max, look_ahead_from)
        self._quotes = quotes
        self._records = records
        self._questions = Questions(self._load, records.newest, records.answers)
        self._now_ms = now_ms
        self._rows_max = rows_max
        self._count = 0

    def run(self, partitions: Iterable[ActivePartition]) -> tuple[Batch, int]:
        """Runs what can run now. Returns the batch to commit, and the time of its decisions (ms since the epoch).

        Everything that turns before this one decided must be committed. Raises what the ports raise.
        """
        # The partition unserved for longest comes first: a flood in one partition must not hold up the others.
        in_turn = sorted(partitions, key=lambda partition: partition.served_at)
        answers = survey([(one.intake, one.state) for one in in_turn], self._rows_max, self._questions)
        now = self._now_ms()
        batch = Batch()
        self._count += 1
        self._quotes.tick(now)
        self.scheduler.hear(self._quotes.take_answers(), now)
        self.scheduler.run_ready(batch, now)
        for partition in in_turn:
            while partition.intake.surveyed and batch.has_room(self._rows_max):
                partition.served_at = self._count
                self._take(batch, partition, partition.intake.take(), answers, now)
            self.scheduler.sweep(batch, partition.state, now)
        return batch, now

    def _load(self, state: PartitionState, users: Collection[str]) -> None:
        self.scheduler.adopt(state, self._records.load(users))

    def _take(self, batch: Batch, partition: ActivePartition, arrival: Arrival, answers: Answers, now: int) -> None:
        state, delivery = partition.state, arrival.delivery
        if arrival.dead is not None:
            if delivery.offset > state.progress.high_offset:  # otherwise an earlier batch has stored it already
                batch.add_dead_letter(state.partition, arrival.dead)
            state.progress.begin(delivery.offset, delivery.tag, 0)
            state.finished_tags.append(delivery.tag)
            return
        assert arrival.message is not None, arrival
        marker = arrival.message if isinstance(arrival.message, DumpMarker) else None
        tag = delivery.tag
        if not partition.runs_far_ahead:
            # The message is acknowledged with this batch, even if some of its commands wait for a quote. So the broker
            # sends more, and other users do not wait behind the one who waits.
            state.finished_tags.append(tag)
            tag = 0
        message = state.progress.begin(delivery.offset, tag, len(arrival.requests), marker)
        reply_to = arrival.message.reply_to if isinstance(arrival.message, CommandBatch) else None
        queues = () if reply_to is None else (reply_to,)
        published_at_ms = arrival.message.published_at_ms
        state.progress.note_publishing_time(published_at_ms, now)
        if marker is None and not arrival.doubtful:
            for request in arrival.requests:
                self.scheduler.take(batch, state, Item(request, message, published_at_ms, queues), now)
            return
        for request in arrival.requests:
            item = Item(request, message, published_at_ms, queues)
            if arrival.doubtful and is_settled(batch, state, item, answers):
                continue
            if marker is not None:
                self.scheduler.take_marker(state, message)
            else:
                self.scheduler.take(batch, state, item, now)
