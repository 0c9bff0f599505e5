"""A worker with a database and a stream in memory, which can die at any time. No random choice is made in here.

`Worker.turn` follows `consumers.transactions.session`, `Database` follows `store` and the constraints of `tables.py`.
"""

from collections.abc import Iterable

from consumers.transactions.account import Account, PendingOrder, Position, TriggerOrder
from consumers.transactions.batch import Batch, Row
from consumers.transactions.intake import Arrival, Doubt, Intake
from consumers.transactions.progress import Progress
from consumers.transactions.scheduler import Item, OwnedPartition, Scheduler
from rabbitmq.stream_consumer import Delivery
from schema.commands import NOBODY, DumpMarker
from schema.events import AuditEntry, NoQuote, Quote
from tests.desk import QuoteTable


class Database:
    """What was committed. Written from the batch alone, table by table, so that what a batch forgets is lost."""

    def __init__(self) -> None:
        self.accounts: dict[str, tuple[bool, int, int, int]] = {}
        self.positions: dict[tuple[str, str], tuple[int, int]] = {}
        self.pending: dict[tuple[str, int], PendingOrder] = {}
        self.triggers: dict[tuple, TriggerOrder] = {}
        self.history: list[Row] = []
        self.ids: set[tuple[str, bytes]] = set()
        self.log: list[AuditEntry] = []
        self.dead: list[int] = []
        self.position, self.high = 0, -1

    def commit(self, batch: Batch, owned: OwnedPartition) -> None:
        for row in batch.rows:
            assert (row.user, row.command_id) not in self.ids, f"has its effect twice: {row}"
            self.ids.add((row.user, row.command_id))
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


class Worker:
    """One life of a worker: from taking the partition over to its death. Quotes that it hears die with it.

    `forgets`: it has room for no more accounts than it must remember.
    """

    def __init__(
        self, partition: int, stream: list[tuple[bytes, bool]], database: Database, batch_max: int, forgets: bool
    ):
        self.quotes = QuoteTable()
        self._stream, self._database, self._batch_max, self._forgets = stream, database, batch_max, forgets
        self._next = database.position
        self._intake = Intake(partition, database.high)
        self._owned = OwnedPartition(partition, Progress(database.position, database.high))
        self._scheduler = Scheduler(self.quotes, batch_max, look_ahead_from=1)
        self._scheduler.adopt(self._owned, database.load(database.users_with_pending()))

    def receive(self, count: int) -> None:
        """At most so many more messages of the stream."""
        for offset in range(self._next, min(self._next + count, len(self._stream))):
            body, republished = self._stream[offset]
            self._intake.put(Delivery(offset, body, republished, tag=offset))
            self._next = offset + 1

    def turn(self, answers: list[Quote | NoQuote], now_ms: int, dies: bool = False) -> None:
        """One batch, committed unless the worker dies just before."""
        if self._intake.republished_first:
            self._look_up()
        batch = Batch()
        for answer in answers:
            if isinstance(answer, Quote):
                self.quotes.quotes[answer.symbol] = answer
        self._scheduler.hear(answers, now_ms)
        self._scheduler.run_ready(batch, now_ms)
        self._take_arrivals(batch, now_ms)
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

    def _take_arrivals(self, batch: Batch, now_ms: int) -> None:
        arrivals = self._intake.arrivals
        while arrivals and batch.has_room(self._batch_max):
            if arrivals[0].doubt is Doubt.REPUBLISHED and self._owned.partition in batch.shares:
                return
            if arrivals[0].doubt is not Doubt.NONE:
                self._look_up()
            self._take(batch, arrivals.popleft(), now_ms)

    def _look_up(self) -> None:
        arrivals = self._intake.first_doubtful()
        orders = [order for arrival in arrivals for order in arrival.orders]
        done = {o.command_id for o in orders if (o.user or NOBODY, o.command_id) in self._database.ids}
        done.update(item.order.command_id for parked in self._owned.parked.values() for item in parked.items)
        self._intake.settle(arrivals, done)

    def _take(self, batch: Batch, arrival: Arrival, now_ms: int) -> None:
        owned, delivery, orders = self._owned, arrival.delivery, arrival.orders
        if arrival.dead is not None:
            if delivery.offset > owned.progress.high:
                batch.bury(owned.partition, arrival.dead)
            owned.progress.begin(delivery.offset, delivery.tag, 0)
            return
        missing = {order.user or NOBODY for order in orders} - owned.accounts.keys()
        self._scheduler.adopt(owned, self._database.load(missing))
        marker = arrival.message if isinstance(arrival.message, DumpMarker) and orders else None
        message = owned.progress.begin(delivery.offset, delivery.tag, len(orders), marker)
        if marker is not None:
            self._scheduler.take_marker(owned, message)
            return
        for order in orders:
            item = Item(order, message, arrival.message.published_at_ms)
            self._scheduler.take(batch, owned, item, now_ms)
