"""Order of execution: each user's commands run one after another; a user who waits for a quote delays nobody else.

Runs commands through the engine on accounts in memory, and fills a batch. No I/O: quotes come through the
`QuoteLookup` that it is given, accounts are loaded beforehand, time is an argument.
"""

from collections import deque
from collections.abc import Iterable

from consumers.transactions import engine
from consumers.transactions.account import Account, DecidedRow, Decision, apply
from consumers.transactions.batch import Batch
from consumers.transactions.look_ahead import LOOK_AHEAD_FROM, QuoteLookup, claim_cents, surely_needs_quote
from consumers.transactions.partition_state import Item, Parked, PartitionState
from consumers.transactions.progress import Message
from consumers.transactions.verdict import NO_QUOTE, QUOTE_REFUSED, WANTS_QUOTE, Given
from ownership.deadlines import Deadlines
from schema.accounts import PENDING_LIFETIME_MS
from schema.commands import NO_USER, Command, Fill, partition_of
from schema.events import NoQuote, Quote, QuoteRefused

NO_USER_PARTITION = partition_of(NO_USER)
"""Partition that executes root DUMPLOGs; the others only pass their markers on."""


class Scheduler:
    """Scheduler of all partitions that a worker owns. Every method that gets a batch adds to it what took effect.

    `batch_max`: once a batch holds this many rows, ready users wait for the next one. `look_ahead_from`: number of the
    user's commands that must wait before a command for the scheduler to request its quote early.
    """

    def __init__(self, quotes: QuoteLookup, batch_max: int, look_ahead_from: int = LOOK_AHEAD_FROM):
        self._quotes = quotes
        self._look_ahead_from = look_ahead_from
        self._batch_max = batch_max
        self._waiting: dict[str, list[tuple[PartitionState, str]]] = {}
        # By symbol: the command whose early request is under way. Every request is answered, which removes it here.
        self._early: dict[str, Item] = {}
        # A parked user is in at most one of three states: waiting for a symbol, in `_ready`, or waiting behind a
        # marker.
        self._ready: deque[tuple[PartitionState, str, Given]] = deque()
        self._expiries: Deadlines[tuple[PartitionState, str]] = Deadlines(PENDING_LIFETIME_MS)
        """Users whose pending orders to check; one entry for each order, also after it was committed or cancelled."""

    def adopt(self, state: PartitionState, accounts: Iterable[Account]) -> None:
        """Adds loaded accounts to a partition, and schedules the expiries of their pending orders."""
        for account in accounts:
            state.accounts[account.user] = account
            for order in (*account.buys, *account.sells):
                self._expiries.add((state, account.user), order.expires_at_ms)

    def take(self, batch: Batch, state: PartitionState, item: Item, now_ms: int) -> None:
        """Runs the next command or fill of a log, unless it must wait for a quote or behind its user's earlier ones."""
        user = item.request.user or NO_USER
        parked = state.parked.get(user)
        if parked is not None:
            self._queue(state.accounts[user], parked, item, now_ms)
        elif not self._run(batch, state, item, None, now_ms):
            self._park(state, user, item)

    def take_marker(self, state: PartitionState, message: Message) -> None:
        """Queues a root DUMPLOG. Later commands without a user, or of its sender, wait behind it; others do not."""
        marker = message.marker
        assert marker is not None, message
        for user in _kept_behind(state, message):
            item = Item(marker.command, message, marker.published_at_ms)
            state.parked.setdefault(user, Parked()).append(item)

    def hear(self, answers: Iterable[Quote | NoQuote | QuoteRefused], now_ms: int) -> None:
        """Makes the users ready who wait for the symbols of these answers.

        A refusal concerns one user (spec §3a). The others who wait for its symbol run again, and request the quote
        themselves.
        """
        for answer in answers:
            missing = not isinstance(answer, Quote) and self._quotes.peek(answer.symbol, now_ms) is None
            refused = answer.user if isinstance(answer, QuoteRefused) else None
            early = self._early.pop(answer.symbol, None)
            if early is not None and refused is None:
                early.early_quote_failed = missing
            lack = NO_QUOTE if refused is None else QUOTE_REFUSED
            waiting = self._waiting.pop(answer.symbol, ())
            # Others first, so that the next request is for one of them, not for the refused user's next command.
            for state, user in sorted(waiting, key=lambda one: one[1] == refused):
                self._ready.append((state, user, lack if missing and refused in (None, user) else None))

    def run_ready(self, batch: Batch, now_ms: int) -> None:
        """Runs due expiries, then the commands of ready users, until the batch is full."""
        while len(batch.rows) < self._batch_max and (due := self._expiries.pop(now_ms)) is not None:
            (state, user), _ = due
            account = state.accounts.get(user) if state.owned else None
            if account is not None:
                self._expire(batch, state, account, now_ms)
        while self._ready and len(batch.rows) < self._batch_max:
            state, user, given = self._ready.popleft()
            if state.owned:
                self._resume(batch, state, user, given, now_ms)

    def sweep(self, batch: Batch, state: PartitionState, now_ms: int) -> None:
        """Moves the partition's next offset on, and executes the markers that it reaches."""
        while (message := state.progress.sweep()) is not None:
            for user in _kept_behind(state, message):
                parked = state.parked[user]
                item = parked.popleft()
                assert item.message is message, item
                items = parked.items
                if not items or items[0].message.marker is None:  # else sweeping that marker makes the user ready
                    self._ready.append((state, user, None))
            if state.partition == NO_USER_PARTITION:
                self._run(batch, state, item, None, now_ms)
            else:
                state.finish(message)
            assert message.marker is not None, message
            batch.add_marker(state.partition, message.marker.command, now_ms)

    @property
    def has_ready(self) -> bool:
        """Whether `run_ready` has users to run at once."""
        return bool(self._ready)

    @property
    def next_expiry_ms(self) -> int | None:
        """Time of the next expiry for `run_ready`, ms since the epoch; None if there is none."""
        return self._expiries.next_ms

    def _park(self, state: PartitionState, user: str, item: Item) -> None:
        assert isinstance(item.request, Command), "a fill waits for no quote"
        state.parked[user] = Parked(deque((item,)), claim_cents(item.request))

    def _queue(self, account: Account, parked: Parked, item: Item, now_ms: int) -> None:
        parked.append(item)
        request = item.request
        if isinstance(request, Fill):
            return
        if len(parked.items) > self._look_ahead_from and surely_needs_quote(request, account, parked.claimed_cents):
            self._ask_early(item, now_ms)
        parked.claimed_cents += claim_cents(request)

    def _ask_early(self, item: Item, now_ms: int) -> None:
        request = item.request
        assert isinstance(request, Command) and request.symbol is not None and request.user is not None, item
        if self._quotes.peek(request.symbol, now_ms) is None:
            self._quotes.request(request.symbol, request.user, request.transaction_number, now_ms, _paid_max(request))
            if request.symbol not in self._waiting:
                self._early.setdefault(request.symbol, item)

    def _resume(self, batch: Batch, state: PartitionState, user: str, given: Given, now_ms: int) -> None:
        """Runs a parked user's commands in order, until one must wait or the batch is full."""
        parked = state.parked[user]
        items = parked.items
        while items and items[0].message.marker is None:
            if len(batch.rows) >= self._batch_max:
                self._ready.appendleft((state, user, given))
                return
            if not self._run(batch, state, items[0], given, now_ms):
                return
            given = None
            request = parked.popleft().request
            if isinstance(request, Command):
                parked.claimed_cents -= claim_cents(request)
        if not items:
            del state.parked[user]

    def _run(self, batch: Batch, state: PartitionState, item: Item, given: Given, now_ms: int) -> bool:
        """Decides and applies one command or fill. Returns False if it wants a quote, which is then requested."""
        request = item.request
        account = state.accounts[request.user or NO_USER]
        if self._expiries.any_due(now_ms):
            self._expire(batch, state, account, now_ms)  # something is due, perhaps in this account
        if isinstance(request, Fill):
            decision = engine.decide_fill(account, request, now_ms)
            if decision is not None:
                batch.add_fill(state.partition, account, _applied(account, item, decision, now_ms))
        else:
            decision = self._decide(state, account, item, given, now_ms)
            if decision is WANTS_QUOTE:
                return False
            row = _applied(account, item, decision, now_ms)
            batch.add_command(state.partition, account, request, row, item.reply_to)
            if decision.opened is not None:
                self._expiries.add((state, account.user), decision.opened.expires_at_ms)
        state.finish(item.message)
        return True

    def _decide(
        self, state: PartitionState, account: Account, item: Item, given: Given, now_ms: int
    ) -> Decision | None:
        command = item.request
        assert isinstance(command, Command), "a fill brings its quote along"
        symbol = command.symbol
        if given is None and command.name in engine.NEEDS_QUOTE and symbol is not None:
            given = self._quotes.quote(symbol, now_ms)
            if given is None and item.early_quote_failed:
                given = NO_QUOTE
        decision = engine.decide(account, command, given, now_ms)
        if decision is WANTS_QUOTE:
            assert symbol is not None, command
            if item.waited_since_ms is None:
                item.waited_since_ms = now_ms
            self._waiting.setdefault(symbol, []).append((state, account.user))
            self._quotes.request(symbol, account.user, command.transaction_number, now_ms, _paid_max(command))
        return decision

    def _expire(self, batch: Batch, state: PartitionState, account: Account, now_ms: int) -> None:
        for order in engine.due(account, now_ms):
            decision = engine.expire(order)
            apply(account, decision)
            batch.add_expiry(state.partition, account, now_ms, decision)


def _applied(account: Account, item: Item, decision: Decision, at_ms: int) -> DecidedRow:
    """Applies a decision to its account; returns its history row."""
    apply(account, decision)
    command_id, published_at_ms = item.request.command_id, item.published_at_ms
    user, seq = account.user, account.history_seq
    return DecidedRow(user, seq, command_id, published_at_ms, at_ms, decision, item.waited_since_ms)


def _paid_max(command: Command) -> int | None:
    return command.allowances.paid_quotes_max if command.allowances else None


def _kept_behind(state: PartitionState, message: Message) -> list[str]:
    """Users whose later commands wait for this marker's turn, because its dump must hold none of them (spec §6)."""
    assert message.marker is not None, message
    asked_by = message.marker.asked_by
    users = [NO_USER] if state.partition == NO_USER_PARTITION else []
    if asked_by is not None and partition_of(asked_by) == state.partition:
        users.append(asked_by)
    return users
