"""A worker with a database and a stream in memory, which can die at any time. No random choice is made in here.

`Worker.turn` follows `consumers.transactions.session`, `Database` follows `store` and the constraints of `tables.py`.
"""

from collections.abc import Iterable

from consumers.transactions.account import Account, PendingOrder, Position, TriggerOrder
from consumers.transactions.batch import Batch, Row
from consumers.transactions.copies import Answers, Questions, is_settled, survey
from consumers.transactions.intake import HEAD_BYTES, Arrival, Intake
from consumers.transactions.owned import Item, Key, OwnedPartition
from consumers.transactions.progress import Progress
from consumers.transactions.scheduler import Scheduler
from consumers.transactions.sources import Sources, Stranger
from rabbitmq.stream_consumer import Delivery
from schema.commands import CommandBatch, DumpMarker
from schema.events import AuditEntry, NoQuote, Quote, Reply
from tests.desk import QuoteTable


class Database:
    """What was committed. Written from the batch alone, table by table, so that what a batch forgets is lost."""

    def __init__(self) -> None:
        self.accounts: dict[str, tuple[bool, int, int, int]] = {}
        self.positions: dict[tuple[str, str], tuple[int, int]] = {}
        self.pending: dict[tuple[str, int], PendingOrder] = {}
        self.triggers: dict[tuple, TriggerOrder] = {}
        self.history: list[Row] = []
        self.ids: dict[Key, Row] = {}
        self.replies: dict[str, list[Reply]] = {}
        """What was sent to each queue. Not part of the database; here it outlives workers."""
        self.log: list[AuditEntry] = []
        self.dead: list[int] = []
        self.position, self.high = 0, -1

    def commit(self, batch: Batch, owned: OwnedPartition) -> None:
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
        share = batch.shares.get(owned.partition)
        if share is not None:
            self.log += share.entries
            self.dead += [letter.offset for letter in share.dead]
            for queue, replies in share.replies.items():
                self.replies.setdefault(queue, []).extend(replies)
        assert owned.progress.position >= self.position, "the position never goes back"
        self.position, self.high = owned.progress.position, owned.progress.high
        assert self.position <= self.high + 1

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


def reply_of(row: Row) -> Reply:
    """The answer to a command, out of its history row."""
    d = row.decision
    of_row = (d.outcome, d.reason, d.symbol, d.amount_cents, d.price_cents)
    return Reply(row.command_id, row.user or None, row.seq, *of_row, row.at_ms)


class Worker:
    """One life of a worker: from taking the partition over to its death. Quotes that it hears die with it.

    `forgets`: it has room for no more accounts than it must remember. `sources`: what it begins to know of them with.
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
        self.quotes = QuoteTable()
        self._stream, self._database, self._batch_max, self._forgets = stream, database, batch_max, forgets
        self._next = database.position
        self._intake = Intake(partition, database.high)
        self._owned = OwnedPartition(partition, Progress(database.position, database.high), sources=sources)
        self._scheduler = Scheduler(self.quotes, batch_max, look_ahead_from=1)
        self._scheduler.adopt(self._owned, database.load(database.users_with_pending()))
        self._questions = Questions(self._load, database.newest, database.answers)

    def receive(self, count: int) -> None:
        """At most so many more messages of the stream."""
        for offset in range(self._next, min(self._next + count, len(self._stream))):
            body, republished = self._stream[offset]
            self._intake.put(Delivery(offset, body, republished, tag=offset))
            self._next = offset + 1

    def turn(self, answers: list[Quote | NoQuote], now_ms: int, dies: bool = False) -> None:
        """One batch, committed unless the worker dies just before."""
        settled = survey([(self._intake, self._owned)], self._batch_max, self._questions)
        batch = Batch()
        for answer in answers:
            if isinstance(answer, Quote):
                self.quotes.quotes[answer.symbol] = answer
        self._scheduler.hear(answers, now_ms)
        self._scheduler.run_ready(batch, now_ms)
        while self._intake.surveyed and batch.has_room(self._batch_max):
            self._take(batch, self._intake.take(), settled, now_ms)
        self._scheduler.sweep(batch, self._owned, now_ms)
        if not dies:
            self._database.commit(batch, self._owned)
            if self._forgets:
                self._owned.forget_idle()

    @property
    def wants(self) -> list[str]:
        """Symbols that it asked for and has no answer to."""
        return sorted(set(self.quotes.symbols_asked))

    @property
    def is_idle(self) -> bool:
        """Whether nothing happens any more without a quote or time."""
        return not self._intake.arrivals and self._next == len(self._stream) and not self._scheduler.has_ready

    def _load(self, owned: OwnedPartition, users: Iterable[str]) -> None:
        self._scheduler.adopt(owned, self._database.load(users))

    def _take(self, batch: Batch, arrival: Arrival, settled: Answers, now_ms: int) -> None:
        owned, delivery, orders = self._owned, arrival.delivery, arrival.orders
        if arrival.dead is not None:
            if delivery.offset > owned.progress.high:
                batch.bury(owned.partition, arrival.dead)
            owned.progress.begin(delivery.offset, delivery.tag, 0)
            return
        marker = arrival.message if isinstance(arrival.message, DumpMarker) else None
        reply_to = (arrival.message.reply_to,) if isinstance(arrival.message, CommandBatch) else ()
        message = owned.progress.begin(delivery.offset, delivery.tag, len(orders), marker)
        for order in orders:
            item = Item(order, message, arrival.message.published_at_ms, reply_to)
            if arrival.doubtful and is_settled(batch, owned, item, settled):
                continue
            if marker is not None:
                self._scheduler.take_marker(owned, message)
            else:
                self._scheduler.take(batch, owned, item, now_ms)
