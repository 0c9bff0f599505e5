"""Surroundings of a transaction worker's turns: database, stream and quotes in memory, and deaths at any time.

The turns are production code (`consumers.transactions.turn`). `Database` follows `store` and the constraints of
`tables.py`. Nothing here is chosen at random.
"""

from collections.abc import Iterable

from consumers.transactions.account import Account, DecidedRow, PendingOrder, Position, TriggerOrder
from consumers.transactions.batch import Batch
from consumers.transactions.intake import HEAD_BYTES, Intake
from consumers.transactions.partition_state import Key, PartitionState
from consumers.transactions.progress import Progress
from consumers.transactions.sources import Sources, Stranger
from consumers.transactions.turn import ACCOUNTS_MAX, ActivePartition, Records, TransactionTurns
from rabbitmq.roles import ANYBODY
from rabbitmq.stream_consumer import Delivery
from schema.events import AuditEntry, NoQuote, Quote, Reply
from tests.scheduler_rig import QuoteTable


class Database:
    """Committed data, table by table. They come from the batch alone, so anything that a batch omits is lost."""

    def __init__(self) -> None:
        self.accounts: dict[str, tuple[bool, int, int, int]] = {}
        self.positions: dict[tuple[str, str], tuple[int, int]] = {}
        self.pending: dict[tuple[str, int], PendingOrder] = {}
        self.triggers: dict[tuple, TriggerOrder] = {}
        self.history: list[DecidedRow] = []
        self.ids: dict[Key, DecidedRow] = {}
        self.replies: dict[str, list[Reply]] = {}
        """Replies in each queue. They are no part of the real database, but like it they outlive workers."""
        self.log: list[AuditEntry] = []
        self.dead: list[int] = []
        self.next_offset, self.high_offset = 0, -1

    def commit(self, batch: Batch, owned: PartitionState) -> None:
        for row in batch.rows:
            assert (row.user, row.command_id) not in self.ids, f"has its effect twice: {row}"
            self.ids[row.user, row.command_id] = row
            self.history.append(row)
        for user, a in batch.accounts.items():
            self.accounts[user] = (a.opened, a.cash_cents, a.reserved_cents, a.history_seq)
        for user, symbol in batch.positions:
            position = batch.accounts[user].positions[symbol]
            self.positions[user, symbol] = (position.shares, position.reserved_shares)
        for key in batch.closed:
            del self.pending[key]
        self.pending.update(batch.opened)
        for user, key in batch.triggers:
            order = batch.accounts[user].triggers.get(key)
            self.triggers.pop((user, *key), None)
            if order is not None:
                self.triggers[user, *key] = order
        output = batch.outputs.get(owned.partition)
        if output is not None:
            self.log += output.entries
            self.dead += [letter.offset for letter in output.dead]
            for queue, replies in output.replies.items():
                self.replies.setdefault(queue, []).extend(replies)
        assert owned.progress.next_offset >= self.next_offset, "the next offset never goes back"
        self.next_offset, self.high_offset = owned.progress.next_offset, owned.progress.high_offset
        assert self.next_offset <= self.high_offset + 1

    def load(self, users: Iterable[str]) -> list[Account]:
        return [self._account(user) for user in users]

    def _account(self, user: str) -> Account:
        account = Account(user, *self.accounts.get(user, (False, 0, 0, 0)))
        account.positions = {symbol: Position(*held) for (of, symbol), held in self.positions.items() if of == user}
        for (of, _), order in sorted(self.pending.items()):
            if of == user:
                account.stack(order.side).append(order)
        account.triggers = {(symbol, side): o for (of, symbol, side), o in self.triggers.items() if of == user}
        return account

    def users_with_pending(self) -> set[str]:
        return {user for user, _ in self.pending}

    def newest(self, strangers: Iterable[Stranger]) -> dict[Stranger, bytes]:
        newest: dict[Stranger, bytes] = {}
        for user, head in strangers:
            ids = [id for of, id in self.ids if of == user and id[:HEAD_BYTES] == head]
            if ids:
                newest[user, head] = max(ids)
        return newest

    def answers(self, keys: Iterable[Key]) -> dict[Key, Reply]:
        return {key: reply_of(self.ids[key]) for key in keys if key in self.ids}


def reply_of(row: DecidedRow) -> Reply:
    """Returns the answer to a command, from its history row."""
    d = row.decision
    of_row = (d.outcome, d.reason, d.symbol, d.amount_cents, d.price_cents)
    return Reply(row.command_id, row.user or None, row.seq, *of_row, row.at_ms)


class HeardQuotes(QuoteTable):
    """Quotes that a worker has heard. The next turn gets those heard since the last turn as answers."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[Quote | NoQuote] = []

    def hear(self, answers: Iterable[Quote | NoQuote]) -> None:
        self._answers += answers
        self.quotes |= {answer.symbol: answer for answer in answers if isinstance(answer, Quote)}

    def tick(self, now_ms: int) -> None: ...

    def take_answers(self) -> list[Quote | NoQuote]:
        answers, self._answers = self._answers, []
        return answers


class WorkerLife:
    """One life of a worker, from a takeover to its death. Quotes that it hears die with it.

    `forgets`: it keeps no more accounts than it must. `sources`: what it knows of sources at the beginning.
    """

    def __init__(
        self,
        partition: int,
        stream: list[tuple[bytes, bool]],
        database: Database,
        batch_max: int,
        forgets: bool,
        sources: Sources,
    ):
        self.quotes = HeardQuotes()
        self._stream, self._database = stream, database
        self._first = self._next = database.next_offset
        self._intake = Intake(partition, database.high_offset)
        self._owned = PartitionState(partition, Progress(database.next_offset, database.high_offset), sources=sources)
        self._active = ActivePartition(self._intake, self._owned, accounts_max=0 if forgets else ACCOUNTS_MAX)
        self._credited: set[int] = set()
        records = Records(database.load, database.newest, database.answers)
        self._turns = TransactionTurns(self.quotes, records, lambda: self._now_ms, batch_max, look_ahead_from=1)
        self._turns.scheduler.adopt(self._owned, database.load(database.users_with_pending()))

    def receive(self, count: int) -> None:
        """Delivers at most this many more messages of the stream."""
        for offset in range(self._next, min(self._next + count, len(self._stream))):
            body, republished = self._stream[offset]
            self._intake.put(Delivery(offset, body, republished, tag=offset + 1, sender=ANYBODY))
            self._next = offset + 1

    def turn(self, answers: list[Quote | NoQuote], now_ms: int, dies: bool = False) -> None:
        """Runs one batch, and commits it unless the worker dies just before."""
        self._now_ms = now_ms
        self.quotes.hear(answers)
        batch, _ = self._turns.run([self._active])
        if not dies:
            self._database.commit(batch, self._owned)
            self._acknowledge(self._owned.finished_tags)
            self._active.end_turn()

    def _acknowledge(self, tags: list[int]) -> None:
        assert len(set(tags)) == len(tags) and self._credited.isdisjoint(tags), "acknowledged twice"
        self._credited.update(tags)

    @property
    def wants(self) -> list[str]:
        """Symbols that the worker has requested and has no answer to."""
        return sorted(set(self.quotes.symbols_asked))

    @property
    def is_idle(self) -> bool:
        """Whether the worker has nothing to do until a quote arrives or time passes."""
        return not self._intake.arrivals and self._next == len(self._stream) and not self._turns.scheduler.has_ready

    @property
    def uncredited(self) -> set[int]:
        """Offsets that were delivered to this life and that the broker still counts against its credit."""
        return {offset for offset in range(self._first, self._next) if offset + 1 not in self._credited}
