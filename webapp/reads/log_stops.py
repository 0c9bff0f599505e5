"""Sources of the log of record that have stopped: their entries are not stored at present. For operators."""

import msgspec

from schema.events import source_name
from webapp.store import Store, store


class LogStop(msgspec.Struct, frozen=True):
    """Stop of a source: why it is not stored from `entry` on, and since when (ms since the epoch). Messages stay."""

    source: str
    entry: int
    reason: str
    stopped_at_ms: int


def log_stops() -> list[LogStop]:
    """The stopped sources; none as long as all is well. Raises Unavailable."""
    return [LogStop(source_name(source), *values) for source, *values in store().rows(_STOPS)]


def is_log_stored(here: Store) -> bool:
    """Whether an audit worker owns the log at present and no source has stopped. Raises Unavailable."""
    return bool(here.only(_STORED)[0])


_STOPS = "SELECT source, number, reason, stopped_at_ms FROM audit_stops ORDER BY source"

_STORED = """
    SELECT NOT EXISTS (SELECT FROM audit_stops) AND EXISTS (
        SELECT FROM partitions WHERE consumer_group = 'audit' AND lease_until > clock_timestamp())"""
