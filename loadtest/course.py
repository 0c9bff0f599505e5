"""Course of a run for its HTML report: throughput and lag over time, batch sizes, latency by command and by partition.

It reads the whole history of the run, so it is computed only if somebody wants the page.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from database.retrying import RetryingDatabase
from loadtest.figures import timed_by_database
from loadtest.run import Run
from schema.commands import partition_of

STEPS = 120
"""Points of a chart over time."""

PERCENTILES = (0.5, 0.9, 0.99, 0.999, 0.9999)

Key = TypeVar("Key", str, int)

Percentiles = tuple[int, ...]
"""Milliseconds at each of PERCENTILES, then the greatest."""


@dataclass(frozen=True)
class RunCourse:
    """Figures of a run over its time. Seconds count from just before the first publish."""

    step_seconds: float
    throughput: list[float]
    """Commands committed per second, in each step."""
    lag_ms: list[float]
    """Greatest time from publishing to commit of the commands that were committed in each step."""
    batch_sizes: Mapping[int, int]
    """Number of batches by upper bound of their commands: 1, 10, 100, 1,000, 10,000."""
    by_command: Mapping[str, Percentiles]
    """Latency from publishing to commit of the commands that did not wait for a quote, by command."""
    waiting: Mapping[str, Percentiles]
    """Waiting time for a quote of the commands that waited, by command."""
    waited: Mapping[str, int]
    """Number of commands that waited for a quote, by command."""
    by_partition: Mapping[int, Percentiles]


def course_of(database: RetryingDatabase, run: Run) -> RunCourse:
    """Reads the course of a finished run. Raises StoreError."""
    at = _COMMITTED if timed_by_database(database) else "h.at_ms"
    groups = [tuple(row) for row in database.rows(_GROUPS.format(at=at), **run.ids)]
    ended = max((at_ms for at_ms, *_ in groups), default=run.started_at_ms)
    step_ms = max(1.0, (ended - run.started_at_ms) / STEPS)
    counts, lag = [0] * (STEPS + 1), [0] * (STEPS + 1)
    served: dict[str, Counter[int]] = defaultdict(Counter)
    waits: dict[str, Counter[int]] = defaultdict(Counter)
    partitions: dict[int, Counter[int]] = defaultdict(Counter)
    homes: dict[str, int] = {}
    for at_ms, command, user, published_ms, waited_ms, number in groups:
        step = max(0, min(STEPS, int((at_ms - run.started_at_ms) / step_ms)))
        late = max(0, at_ms - published_ms)
        counts[step] += number
        lag[step] = max(lag[step], late)
        if waited_ms is None:
            served[command][late] += number
        else:
            waits[command][max(0, waited_ms)] += number
        home = homes.get(user)
        if home is None:
            home = homes[user] = partition_of(user)
        partitions[home][late] += number
    sizes = Counter(_bound(size) for (size,) in database.rows(_BATCHES, **run.ids))
    return RunCourse(
        step_ms / 1000,
        [number * 1000 / step_ms for number in counts[:STEPS]],
        [float(ms) for ms in lag[:STEPS]],
        dict(sorted(sizes.items())),
        _of_each(served),
        _of_each(waits),
        {command: sum(counter.values()) for command, counter in sorted(waits.items())},
        _of_each(partitions),
    )


def percentiles(counter: Mapping[int, int]) -> Percentiles:
    """Percentiles as percentile_disc defines them: the least value at or below which such a share of all lies."""
    total, upto, found = sum(counter.values()), 0, []
    values = sorted(counter)
    shares = iter(PERCENTILES)
    share = next(shares, None)
    for value in values:
        upto += counter[value]
        while share is not None and upto >= share * total:
            found.append(value)
            share = next(shares, None)
    return (*found, values[-1])


def _of_each(counters: Mapping[Key, Mapping[int, int]]) -> dict[Key, Percentiles]:
    return {key: percentiles(counters[key]) for key in sorted(counters)}


def _bound(size: int, bounds: Iterable[int] = (1, 10, 100, 1_000)) -> int:
    return next((bound for bound in bounds if size <= bound), 10_000)


_COMMITTED = "(extract(epoch FROM pg_xact_commit_timestamp(h.xid)) * 1000)::bigint"

# A group of rows was published in one message and committed in one batch: far fewer than rows.
_GROUPS = """
    SELECT {at}, h.command, h.user_id, h.published_at_ms, h.waited_ms, h.number FROM (
        SELECT xmin AS xid, command::text AS command, user_id, published_at_ms, at_ms,
               at_ms - waited_since_ms AS waited_ms, count(*) AS number
        FROM history WHERE kind = 'command' AND command_id BETWEEN :low AND :high
        GROUP BY xmin, command, user_id, published_at_ms, at_ms, at_ms - waited_since_ms) AS h"""

_BATCHES = """
    SELECT count(*) FROM history WHERE kind = 'command' AND command_id BETWEEN :low AND :high GROUP BY xmin"""
