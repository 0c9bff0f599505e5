"""Metrics of a transaction worker, counted from a committed batch. docs/operations.md explains them.

Only sums are taken here, of values that a batch holds anyway: nothing in here may decide anything.
"""

from collections.abc import Iterable

from consumers.transactions.account import DecidedRow
from consumers.transactions.batch import Batch
from consumers.transactions.owned_partitions import OwnedPartition
from runtime.metrics import Counter, Distribution, Gauge, Sampling
from schema.outcomes import HistoryKind, Outcome

ROWS = Counter(
    "daytrade_commands", "Commands, fills and expiries that took effect or were rejected", ["kind", "outcome"]
)
BATCH_ROWS = Distribution(
    "daytrade_batch_rows", "History rows per batch", (1, 10, 50, 100, 200, 500, 1_000, 2_000, 5_000)
)
LATENCY = Distribution(
    "daytrade_publish_to_commit_seconds",
    "Seconds from a command's publishing to its commit",
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
DEAD_LETTERS = Counter("daytrade_dead_letters", "Messages of the command logs that became dead letters")
LAG = Gauge("daytrade_lag_seconds", "Age, when it was done, of the newest message taken", ["partition"])
PARKED = Gauge("daytrade_parked_users", "Users whose next command waits for a quote or a dump")
WAITING = Gauge("daytrade_waiting_messages", "Messages received and not yet taken")

DONE = ROWS.labels("command", "done")
REJECTED = ROWS.labels("command", "rejected")
FILLS = ROWS.labels("fill", "done")
EXPIRIES = ROWS.labels("expiry", "done")

_REJECTED, _FILL, _COMMAND = Outcome.REJECTED, HistoryKind.FILL, HistoryKind.COMMAND


def count_batch(batch: Batch, at_ms: int) -> None:
    """Counts a batch that was committed at this time, ms since the epoch."""
    if batch.rows:
        _count_rows(batch.rows, at_ms)
    dead = sum(len(output.dead) for output in batch.outputs.values())
    if dead:
        DEAD_LETTERS.inc(dead)


def _count_rows(rows: list[DecidedRow], at_ms: int) -> None:
    # Three passes over the rows, each a list comprehension: a tally by kind and outcome would cost thrice as much.
    rejected = len([1 for row in rows if row.decision.outcome is _REJECTED])
    others = [row.decision.kind for row in rows if row.decision.kind is not _COMMAND]
    fills = others.count(_FILL)
    expiries = len(others) - fills
    BATCH_ROWS.add(len(rows))
    # Only commands are rejected: a fill that may not take effect leaves no row.
    for counter, count in (
        (DONE, len(rows) - rejected - len(others)),
        (REJECTED, rejected),
        (FILLS, fills),
        (EXPIRIES, expiries),
    ):
        if count:
            counter.inc(count)
    ages_ms = [at_ms - row.published_at_ms for row in rows]
    ages_ms.sort()
    if ages_ms[0] < 0:  # the publisher's clock is ahead
        ages_ms = [max(0, age_ms) for age_ms in ages_ms]
    LATENCY.add_sorted(ages_ms, per_unit=1_000)


class Sampler:
    """Gauges of a worker, taken from the partitions that it works on."""

    def __init__(self) -> None:
        self._sampling = Sampling()
        self._taken_ms: dict[int, int] = {}
        LAG.clear()

    def sample(self, held: Iterable[OwnedPartition], now_ms: int) -> None:
        """Updates the gauges if they are due. `now_ms`: time of the last turn."""
        if not self._sampling.is_due():
            return
        parked = waiting = 0
        taken_ms = {}
        for owned in held:
            state = owned.state
            partition, taken = state.partition, state.progress.taken_ms
            arrivals = len(owned.intake.arrivals)
            is_behind = arrivals or taken != self._taken_ms.get(partition, taken)
            LAG.labels(partition).set(max(0, now_ms - taken) / 1_000 if is_behind else 0)
            parked += len(state.parked)
            waiting += arrivals
            taken_ms[partition] = taken
        for partition in self._taken_ms.keys() - taken_ms.keys():
            LAG.remove(partition)
        self._taken_ms = taken_ms
        PARKED.set(parked)
        WAITING.set(waiting)
