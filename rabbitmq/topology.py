"""The exchanges and queues, as data. Nothing here connects; `declare.py` declares them."""

from dataclasses import dataclass, field
from typing import Any

from schema.commands import PARTITIONS

AUDIT_EXCHANGE = "audit"
"""Fanout exchange of the log of record. The audit stream is bound to it; other readers may bind their own queues."""

AUDIT_STREAM = "audit"

PRICES_EXCHANGE = "prices"
"""Fanout exchange of prices: every consumer keeps the prices that it receives."""

TRIGGERS_EXCHANGE = "trigger-changes"
"""Direct exchange of changes of trigger orders, keyed by trigger partition."""

ACCOUNTS_EXCHANGE = "accounts-changed"
"""Direct exchange of hints that accounts have changed in the database, keyed by partition, for live displays."""

PRICE_REQUESTS_QUEUE = "price-requests"
PRICE_REQUEST_LIFETIME_MS = 10_000
"""Time after which the broker drops a price request.

A worker that still waits has sent its request again by then, and an older one would buy a quote that no one needs.
"""

STREAM_BYTES_MAX = 20_000_000_000
"""Maximum bytes that a stream retains: about 400 million commands a partition, far more than any unnoticed backlog."""

SEGMENT_BYTES_MAX = 50_000_000


@dataclass(frozen=True)
class Queue:
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    bound_to: str | None = None


EXCHANGES = {
    AUDIT_EXCHANGE: "fanout",
    PRICES_EXCHANGE: "fanout",
    TRIGGERS_EXCHANGE: "direct",
    ACCOUNTS_EXCHANGE: "direct",
}


def command_stream(partition: int) -> str:
    """Name of a partition's log."""
    assert 0 <= partition < PARTITIONS, partition
    return f"commands.{partition:02d}"


def account_key(partition: int) -> str:
    """Routing key for changes of a partition's accounts."""
    return f"{partition:02d}"


def trigger_key(trigger_partition: int) -> str:
    """Routing key for changes of a trigger partition's orders."""
    return f"{trigger_partition:02d}"


def _stream(name: str, bound_to: str | None = None) -> Queue:
    limits = {"x-max-length-bytes": STREAM_BYTES_MAX, "x-stream-max-segment-size-bytes": SEGMENT_BYTES_MAX}
    return Queue(name, {"x-queue-type": "stream", **limits}, bound_to)


QUEUES = (
    *(_stream(command_stream(partition)) for partition in range(PARTITIONS)),
    _stream(AUDIT_STREAM, bound_to=AUDIT_EXCHANGE),
    Queue(PRICE_REQUESTS_QUEUE, {"x-message-ttl": PRICE_REQUEST_LIFETIME_MS}),
)
