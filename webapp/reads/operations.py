"""State of the system for administrators: rates, owners and lag of partitions, dead letters, quote cost."""

import time

import msgspec

from rabbitmq.connection import open_connection
from rabbitmq.lengths import stream_lengths
from rabbitmq.topology import AUDIT_STREAM, command_stream
from runtime.wall_clock import now_ms
from schema.commands import PARTITIONS
from schema.errors import BrokerError
from webapp.reads.allowances import Pressure, Refreshes, pressure, refreshes
from webapp.reads.dead_letters import count_dead_letters
from webapp.reads.dumps import DumpTroubles, dump_troubles
from webapp.reads.log_stops import LogStop, log_stops
from webapp.reads.quote_cost import QuoteCostView, quote_cost
from webapp.reads.rates import rates
from webapp.site import site
from webapp.store import store

FRESH_SECONDS = 1.0
"""Seconds for which the lengths from the broker are reused, however many administrators are watching."""


class PartitionLag(msgspec.Struct, frozen=True):
    """A command log: who applies it, and how many messages wait in it (None: the broker does not say)."""

    partition: int
    owner: str | None
    epoch: int
    position: int
    length: int | None
    lag: int | None


class Operations(msgspec.Struct, frozen=True):
    """State of the system. Rates are history rows a second; None until the site has readings of that span.

    `replicas`: names of the live ones, by consumer group. `broker_up`: as the gateway last saw it.
    `log_stops` is an alarm: sources of the log of record that are not stored at present.
    """

    at_ms: int
    rate_10s: float | None
    rate_60s: float | None
    partitions: list[PartitionLag]
    replicas: dict[str, list[str]]
    audit_lag: int | None
    dead_letters: int
    dumps: DumpTroubles
    quotes: QuoteCostView
    refreshes: Refreshes
    pressure: Pressure
    people: int
    broker_up: bool
    log_stops: list[LogStop]


def operations() -> Operations:
    """Reads the state as it is now; the cost of quotes may be a minute old. Raises Unavailable."""
    seen = rates()
    rows = {(row.consumer_group, row.partition): row for row in store().rows(_PARTITIONS)}
    owned = {command_stream(number): rows["transactions", number] for number in range(PARTITIONS)}
    next_offsets = {stream: row.next_offset for stream, row in owned.items()} | {
        AUDIT_STREAM: rows["audit", 0].next_offset
    }
    lengths = _lengths(next_offsets)
    lags = {stream: max(0, length - next_offsets[stream]) for stream, length in lengths.items()}
    replicas: dict[str, list[str]] = {}
    for group, replica in store().rows(_REPLICAS):
        replicas.setdefault(group, []).append(replica)
    return Operations(
        now_ms(),
        seen[10],
        seen[60],
        [
            PartitionLag(row.partition, row.owner, row.epoch, row.next_offset, lengths.get(stream), lags.get(stream))
            for stream, row in owned.items()
        ],
        replicas,
        lags.get(AUDIT_STREAM),
        count_dead_letters(),
        dump_troubles(),
        quote_cost(),
        refreshes(),
        pressure(),
        store().only("SELECT count(*) FROM people")[0],
        site().gateway.up,
        log_stops(),
    )


def _lengths(next_offsets: dict[str, int]) -> dict[str, int]:
    """Lengths of the streams; empty while the broker is unreachable."""
    here = site()
    with here.cache_lock:
        at, lengths = here.cache.lengths
        if time.monotonic() - at > FRESH_SECONDS:
            lengths = _ask(next_offsets)
            here.cache.lengths = (time.monotonic(), lengths)
        return lengths


def _ask(next_offsets: dict[str, int]) -> dict[str, int]:
    try:
        connection = open_connection(site().settings.base.amqp_url, "operations", patience_seconds=0)
        try:
            return stream_lengths(connection, next_offsets)
        finally:
            connection.close()
    except BrokerError:
        return {}


_PARTITIONS = """
    SELECT consumer_group, partition, CASE WHEN lease_until > clock_timestamp() THEN owner END AS owner, epoch,
        next_offset
    FROM partitions"""

_REPLICAS = """
    SELECT consumer_group, replica FROM replicas WHERE live_until > clock_timestamp() ORDER BY 1, 2"""
