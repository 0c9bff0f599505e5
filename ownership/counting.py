"""Metrics of a process that owns partitions. docs/operations.md explains them."""

from runtime.metrics import Counter, Gauge
from schema.errors import DayTradeError, Fenced

OWNED = Gauge("daytrade_partitions_owned", "Partitions that this process owns", ["group"])
TAKEOVERS = Counter("daytrade_takeovers", "Partitions that this process has taken over", ["group"])
FENCED = Counter("daytrade_fenced_batches", "Batches that were refused because a partition has another owner")
SESSIONS_LOST = Counter("daytrade_sessions_lost", "Sessions that ended with an error", ["error"])


def count_lost_session(error: DayTradeError) -> None:
    """Counts a session that this error ended."""
    SESSIONS_LOST.labels(type(error).__name__).inc()
    if isinstance(error, Fenced):
        FENCED.inc()
