"""Metrics of a transaction worker, counted from a committed batch. docs/operations.md explains them.

Only sums are taken here, of values that a batch holds anyway: nothing in here may decide anything.
"""

from collections import Counter as Tally
from collections.abc import Iterable
from operator import attrgetter

from consumers.transactions.batch import Batch
from consumers.transactions.owned_partitions import OwnedPartition
from runtime.metrics import Counter, Distribution, Gauge, Sampling

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

_kind_and_outcome = attrgetter("decision.kind._value_", "decision.outcome._value_")
_published_at_ms = attrgetter("published_at_ms")


def count_batch(batch: Batch, at_ms: int) -> None:
    """Counts a batch that was committed at this time, ms since the epoch."""
    rows = batch.rows
    if rows:
        BATCH_ROWS.add(len(rows))
        for (kind, outcome), count in Tally(map(_kind_and_outcome, rows)).items():
            ROWS.labels(kind, outcome).inc(count)
        for published_at_ms, count in Tally(map(_published_at_ms, rows)).items():
            LATENCY.add(max(0, at_ms - published_at_ms) / 1_000, count)
    dead = sum(len(output.dead) for output in batch.outputs.values())
    if dead:
        DEAD_LETTERS.inc(dead)


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
