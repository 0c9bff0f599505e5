"""Metrics of this process's pools of connections, read from what the pools count. docs/operations.md explains them."""

import weakref
from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from runtime.metrics import collect_counters, collect_gauges

GAUGES = {
    "daytrade_pool_connections": "Connections to Postgres that are open",
    "daytrade_pool_idle": "Open connections that no thread uses",
    "daytrade_pool_connections_max": "Most connections that the pool may open",
    "daytrade_pool_waiting": "Threads that wait for a connection",
}
COUNTERS = {
    "daytrade_pool_errors": "Loans that failed: the server did not answer, or no connection became free in time",
    "daytrade_pool_connects_failed": "Attempts to connect to Postgres that failed",
}
FIGURES = {
    "daytrade_pool_connections": "pool_size",
    "daytrade_pool_idle": "pool_available",
    "daytrade_pool_connections_max": "pool_max",
    "daytrade_pool_waiting": "requests_waiting",
    "daytrade_pool_errors": "requests_errors",
    "daytrade_pool_connects_failed": "connections_errors",
}
"""Names of psycopg_pool's figures by metric."""


class WatchedPool(Protocol):
    """Pool of connections that counts."""

    def get_stats(self) -> dict[str, int]: ...


_pools: weakref.WeakSet[WatchedPool] = weakref.WeakSet()


def watch(pool: WatchedPool) -> None:
    """Includes this pool in the metrics, as long as it exists."""
    _pools.add(pool)


def _values() -> Mapping[str, float]:
    sums: Counter[str] = Counter()
    for pool in list(_pools):
        sums.update(pool.get_stats())
    return {name: sums[figure] for name, figure in FIGURES.items()}


collect_gauges(GAUGES, _values)
collect_counters(COUNTERS, _values)
