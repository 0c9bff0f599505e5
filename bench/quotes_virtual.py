"""Cost of quotes at a fixed rate, in virtual time: the same numbers on any machine, however busy.

The real scheduler, trigger watch and market run a workload's commands as one partition. A request takes as long as with
the simulated quote server, and everything else takes no time.
"""

import heapq
import os
from collections import Counter
from pathlib import Path

from bench.bench_system import percentile, table
from bench.quotes_cost import RATE_DEFAULT
from consumers.transactions.account import Account, DecidedRow
from consumers.transactions.batch import Batch
from consumers.transactions.look_ahead import LOOK_AHEAD_FROM
from consumers.transactions.partition_state import Item, PartitionState
from consumers.transactions.progress import Progress
from consumers.transactions.scheduler import Scheduler
from consumers.triggers.watch import TriggerWatch
from producers.workload_reader import Unreadable, read_workload
from quotecache.market import Market
from quotecache.quote_floor import quote_floor
from schema.commands import NO_USER, Command, Fill
from schema.events import Quote
from schema.outcomes import HistoryKind

T0 = 1_700_000_000_000
WAY_MS = 2
"""Milliseconds from a worker to the quote cache, and the same back."""

NEVER = 1_000_000_000
"""Limit so high that no run reaches it."""

SEEDS = (1, 3, 4, 5)
HEADER = (
    "look-ahead from", "seed", "lookups of commands", "hits", "joined", "fetches", "of these for triggers", "floor",
    "cost ratio", "by decision", "p99 ms", "s in all",
)  # fmt: skip


class VirtualCache:
    """Quote cache with one fetch per symbol at a time; the life of a quote begins with its request."""

    def __init__(self, seed: int):
        self.fetches: list[tuple[Quote, bool]] = []
        self.due: list[tuple[int, int, Quote]] = []
        self._market = Market(seed)
        self._quotes: dict[str, Quote] = {}
        self._outstanding: set[str] = set()

    def peek(self, symbol: str, now_ms: int) -> Quote | None:
        quote = self._quotes.get(symbol)
        return quote if quote is not None and quote.usable(now_ms) else None

    quote = peek

    def request(
        self,
        symbol: str,
        user: str,
        transaction_number: int,
        now_ms: int,
        paid_quotes_max: int | None = None,
        for_trigger: bool = False,
    ) -> None:
        if symbol in self._outstanding or self.peek(symbol, now_ms) is not None:
            return
        self._outstanding.add(symbol)
        draw = self._market.hit(symbol)
        asked_at_ms = now_ms + WAY_MS
        quote = Quote(len(self.fetches) + 1, symbol, draw.price_cents, asked_at_ms, transaction_number, user)
        self.fetches.append((quote, for_trigger))
        heapq.heappush(self.due, (asked_at_ms + int(draw.delay_seconds * 1_000) + WAY_MS, quote.quote_id, quote))

    def answers(self, now_ms: int) -> list[Quote]:
        found = []
        while self.due and self.due[0][0] <= now_ms:
            quote = heapq.heappop(self.due)[2]
            self._quotes[quote.symbol] = quote
            self._outstanding.remove(quote.symbol)
            found.append(quote)
        return found


class VirtualRun:
    """Run from the first command to the decision of the last."""

    def __init__(self, commands: list[Command], rate: float, seed: int, look_ahead_from: int):
        self.rows: list[DecidedRow] = []
        self.now_ms = T0
        self.cache = VirtualCache(seed)
        self._commands, self._gap_ms, self._published = commands, 1_000 / rate, 0
        self._scheduler = Scheduler(self.cache, batch_max=NEVER, look_ahead_from=look_ahead_from)
        self._watch = TriggerWatch(self.cache)
        self._owned = PartitionState(0, Progress(0, -1))
        self._offset = 0
        self._scheduler.adopt(self._owned, [Account(NO_USER)])
        while self._published < len(commands) or self._owned.parked:
            self._turn()

    def _next_ms(self) -> int:
        times = [self._scheduler.next_expiry_ms, self._watch.next_refresh_ms]
        if self._published < len(self._commands):
            times.append(self._publish_ms())
        if self.cache.due:
            times.append(self.cache.due[0][0])
        return max(self.now_ms, min(time for time in times if time is not None))

    def _publish_ms(self) -> int:
        return T0 + int(self._published * self._gap_ms)

    def _turn(self) -> None:
        self.now_ms = self._next_ms()
        answers, batch = self.cache.answers(self.now_ms), Batch()
        self._scheduler.hear(answers, self.now_ms)
        self._scheduler.run_ready(batch, self.now_ms)
        while self._published < len(self._commands) and self._publish_ms() <= self.now_ms:
            self._take(batch, self._commands[self._published])
            self._published += 1
        self._watch.hear_answers(answers, self.now_ms)
        self._done(batch)
        self._watch.refresh(self.now_ms)
        filled = Batch()
        for fill in self._watch.take_fills(NEVER):
            self._take(filled, fill)
        self._scheduler.sweep(filled, self._owned, self.now_ms)
        self._done(filled)

    def _take(self, batch: Batch, request: Command | Fill) -> None:
        user = request.user or NO_USER
        if user not in self._owned.accounts:
            self._scheduler.adopt(self._owned, [Account(user)])
        message = self._owned.progress.begin(self._offset, tag=0, commands=1)
        self._offset += 1
        self._scheduler.take(batch, self._owned, Item(request, message, self.now_ms), self.now_ms)

    def _done(self, batch: Batch) -> None:
        self.rows += batch.rows
        for output in batch.outputs.values():
            self._watch.hear_changes(output.changes, self.now_ms)


def figures(run: VirtualRun) -> tuple[object, ...]:
    """Computes the figures of a run as `loadtest.quote_figures` counts them."""
    quotes = {quote.quote_id: quote for quote, _ in run.cache.fetches}
    refreshes = [(quote.symbol, quote.asked_at_ms) for quote, for_trigger in run.cache.fetches if for_trigger]
    needed, decided = list(refreshes), list(refreshes)
    served: Counter[str] = Counter()
    commands = [row for row in run.rows if row.decision.kind is HistoryKind.COMMAND]
    for row in commands:
        quote_id, since_ms = row.decision.quote_id, row.waited_since_ms
        quote = None if quote_id is None else quotes.get(quote_id)
        if quote is not None:
            needed.append((quote.symbol, row.at_ms if since_ms is None else max(since_ms, quote.asked_at_ms)))
            decided.append((quote.symbol, row.at_ms))
            is_own = (quote.cause_user, quote.cause_transaction_number) == (row.user, row.decision.transaction_number)
            served["bought" if is_own else "hit" if since_ms is None else "joined"] += 1
    fetches, floor = len(quotes), quote_floor(needed)
    ratios = (f"{fetches / floor:.4f}", f"{fetches / quote_floor(decided):.4f}")
    p99_ms = percentile([row.at_ms - row.published_at_ms for row in commands], 0.99)
    counts = (served.total(), served["hit"], served["joined"], fetches, len(refreshes), floor)
    return (*counts, *ratios, p99_ms, f"{(run.now_ms - T0) / 1_000:.2f}")


def measure(workload: Path) -> None:
    rate = float(os.environ.get("RATE") or RATE_DEFAULT)
    # DUMPLOGs of all users are left out: they need no quotes.
    commands = [c for c in read_workload(workload, 1) if not isinstance(c, Unreadable) and c.user is not None]
    for speed, seeds, froms in (
        (rate, SEEDS, (LOOK_AHEAD_FROM,)),
        (rate, SEEDS[:1], (1, 16, 32, NEVER)),
        (100_000, SEEDS[:1], (LOOK_AHEAD_FROM, 1, 16, 32, NEVER)),
    ):
        rows = [
            ("never" if behind == NEVER else behind, seed, *figures(VirtualRun(commands, speed, seed, behind)))
            for behind in froms
            for seed in seeds
        ]
        settings = f"make bench-quotes PARTS=virtual: WORKLOAD={workload.name}, {speed:g} commands/s"
        table("In virtual time", settings, HEADER, rows)
