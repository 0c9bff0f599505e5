"""Metrics of the audit worker, counted from a stored batch. docs/operations.md explains them."""

from consumers.audit.batch import AuditBatch
from runtime.metrics import Counter, Distribution, Gauge

STORED = Counter("daytrade_audit_entries", "Entries stored in the log of record")
BATCH_ENTRIES = Distribution(
    "daytrade_audit_batch_entries", "Entries per stored batch", (1, 10, 100, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
)
LAG = Gauge("daytrade_audit_lag_seconds", "Age, when it was stored, of the newest entry; 0 if none waits")
DEAD_LETTERS = Counter("daytrade_audit_dead_letters", "Messages of the audit stream that became dead letters")
STOPS = Counter("daytrade_audit_stops", "Times that a source of the log stopped: an alarm")
HELD = Gauge("daytrade_audit_held_messages", "Messages that wait for entries which are missing before them")


def count_batch(batch: AuditBatch, held: int, now_ms: int) -> None:
    """Counts a batch that was stored at this time, ms since the epoch. `held`: messages that wait."""
    pieces = [piece for of_source in batch.pieces.values() for piece in of_source]
    entries = sum(piece.last_number - piece.first_number + 1 for piece in pieces)
    if entries:
        STORED.inc(entries)
        BATCH_ENTRIES.add(entries)
    if batch.arrivals:
        newest_ms = max(arrival.message.entries[-1].at_ms for arrival in batch.arrivals)
        LAG.set(max(0, now_ms - newest_ms) / 1_000)
    if batch.dead:
        DEAD_LETTERS.inc(len(batch.dead))
    if batch.new_stops:
        STOPS.inc(len(batch.new_stops))
    HELD.set(held)
