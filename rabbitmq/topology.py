"""The exchanges and queues, as data. Nothing here connects; `declare.py` makes it so."""

from dataclasses import dataclass, field
from typing import Any

from schema.commands import PARTITIONS

AUDIT_EXCHANGE = "audit"
"""Fanout: whoever wants the log of record binds a queue; the audit stream is one of them."""

AUDIT_STREAM = "audit"

PRICES_EXCHANGE = "prices"
"""Fanout: every consumer keeps what it hears (design §3)."""

TRIGGERS_EXCHANGE = "trigger-changes"
"""Direct, keyed by trigger partition: what became of trigger orders."""

ACCOUNTS_EXCHANGE = "accounts-changed"
"""Direct, keyed by partition: hints that there is something new in the database, for those who show accounts live."""

PRICE_REQUESTS_QUEUE = "price-requests"
PRICE_REQUEST_LIFETIME_MS = 10_000
"""Whoever still waits after this has asked again; old requests would only buy quotes nobody wants."""

STREAM_BYTES_MAX = 20_000_000_000
"""Retention: about 400 million commands a partition, far beyond any lag that would not have been noticed."""

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
    """Routing key of news of a partition's accounts."""
    return f"{partition:02d}"


def trigger_key(trigger_partition: int) -> str:
    """Routing key of a trigger partition's changes."""
    return f"{trigger_partition:02d}"


def _stream(name: str, bound_to: str | None = None) -> Queue:
    limits = {"x-max-length-bytes": STREAM_BYTES_MAX, "x-stream-max-segment-size-bytes": SEGMENT_BYTES_MAX}
    return Queue(name, {"x-queue-type": "stream", **limits}, bound_to)


QUEUES = (
    *(_stream(command_stream(partition)) for partition in range(PARTITIONS)),
    _stream(AUDIT_STREAM, bound_to=AUDIT_EXCHANGE),
    Queue(PRICE_REQUESTS_QUEUE, {"x-message-ttl": PRICE_REQUEST_LIFETIME_MS}),
)
