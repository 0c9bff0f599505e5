"""The exchanges and queues, as data. Nothing here connects; `declare.py` declares them."""

from dataclasses import dataclass, field

from rabbitmq.roles import BrokerRole
from schema.commands import PARTITIONS
from schema.events import QUOTECACHE_SOURCE

COMMANDS_EXCHANGE = "commands"
"""Direct exchange of commands, keyed by the name of their partition's log."""

FILLS_EXCHANGE = "fills"
"""Direct exchange of fills, keyed like commands. Fills go into the log of their user, but others may publish them."""

AUDIT_EXCHANGE = "audit"
"""Fanout exchange of the log of record. The audit stream is bound to it; other readers may bind their own queues."""

AUDIT_STREAM = "audit"

PRICES_EXCHANGE = "prices"
"""Fanout exchange of prices: every consumer keeps the prices that it receives."""

TRIGGERS_EXCHANGE = "trigger-changes"
"""Direct exchange of changes of trigger orders, keyed by trigger partition."""

ACCOUNTS_EXCHANGE = "accounts-changed"
"""Direct exchange of hints that accounts have changed in the database, keyed by partition, for live displays."""

REPLIES_EXCHANGE = "replies"
"""Direct exchange of outcomes, keyed by the queue of the process that waits for them.

Only such queues are bound to it: a command names the queue for its outcome, and that must never be a log.
"""

PRICE_REQUESTS_EXCHANGE = "quote-requests"
"""Fanout exchange of requests to the quote cache. Their queue is bound to it, and has another name: RabbitMQ knows one
right to read for all that has a name, so whoever reads the queue could bind other queues to an exchange of its name."""

PRICE_REQUESTS_QUEUE = "price-requests"
PRICE_REQUEST_LIFETIME_MS = 10_000
"""Time after which the broker drops a price request.

A worker that still waits has sent its request again by then, and an older one would buy a quote that no one needs.
"""

PUBLISHERS: dict[str, frozenset[BrokerRole]] = {
    COMMANDS_EXCHANGE: frozenset({BrokerRole.WEB, BrokerRole.PRODUCERS, BrokerRole.OPERATOR}),
    FILLS_EXCHANGE: frozenset({BrokerRole.TRIGGERS}),
    AUDIT_EXCHANGE: frozenset({BrokerRole.TRANSACTIONS, BrokerRole.QUOTECACHE, BrokerRole.OPERATOR}),
    PRICES_EXCHANGE: frozenset({BrokerRole.QUOTECACHE}),
    TRIGGERS_EXCHANGE: frozenset({BrokerRole.TRANSACTIONS}),
    ACCOUNTS_EXCHANGE: frozenset({BrokerRole.TRANSACTIONS}),
    REPLIES_EXCHANGE: frozenset({BrokerRole.TRANSACTIONS}),
    PRICE_REQUESTS_EXCHANGE: frozenset({BrokerRole.TRANSACTIONS, BrokerRole.TRIGGERS}),
}
"""Roles that may publish to each exchange. RabbitMQ grants no other role that right (`rights.py`), and readers refuse
messages from others, which may reach a log through an exchange of another kind. The operator publishes dead letters
again."""

STREAM_BYTES_MAX = 20_000_000_000
"""Maximum bytes that a stream retains: about 400 million commands a partition, far more than any unnoticed backlog."""

SEGMENT_BYTES_MAX = 50_000_000


@dataclass(frozen=True)
class Queue:
    """A queue or stream. `bound_to`: the exchanges whose messages it takes; in direct ones, those with its name as
    key."""

    name: str
    bound_to: tuple[str, ...]
    arguments: dict[str, str | int] = field(default_factory=dict)


EXCHANGES = {
    COMMANDS_EXCHANGE: "direct",
    FILLS_EXCHANGE: "direct",
    AUDIT_EXCHANGE: "fanout",
    PRICES_EXCHANGE: "fanout",
    TRIGGERS_EXCHANGE: "direct",
    ACCOUNTS_EXCHANGE: "direct",
    REPLIES_EXCHANGE: "direct",
    PRICE_REQUESTS_EXCHANGE: "fanout",
}
"""Kinds of the exchanges by name. Each kind of message has one, because RabbitMQ grants the right to publish by
exchange. Nothing is published through the default exchange, which reaches every queue."""


def command_stream(partition: int) -> str:
    """Name of a partition's log."""
    assert 0 <= partition < PARTITIONS, partition
    return f"commands.{partition:02d}"


COMMAND_STREAMS = tuple(command_stream(partition) for partition in range(PARTITIONS))
"""Names of all partitions' logs."""


def audit_publishers(source: int) -> frozenset[BrokerRole]:
    """Roles that may publish audit entries of this source."""
    return PUBLISHERS[AUDIT_EXCHANGE] - {
        BrokerRole.TRANSACTIONS if source == QUOTECACHE_SOURCE else BrokerRole.QUOTECACHE
    }


def account_key(partition: int) -> str:
    """Routing key for changes of a partition's accounts."""
    return f"{partition:02d}"


def trigger_key(trigger_partition: int) -> str:
    """Routing key for changes of a trigger partition's orders."""
    return f"{trigger_partition:02d}"


def _stream(name: str, *bound_to: str) -> Queue:
    limits = {"x-max-length-bytes": STREAM_BYTES_MAX, "x-stream-max-segment-size-bytes": SEGMENT_BYTES_MAX}
    return Queue(name, bound_to, {"x-queue-type": "stream", **limits})


QUEUES = (
    *(_stream(command_stream(partition), COMMANDS_EXCHANGE, FILLS_EXCHANGE) for partition in range(PARTITIONS)),
    _stream(AUDIT_STREAM, AUDIT_EXCHANGE),
    Queue(PRICE_REQUESTS_QUEUE, (PRICE_REQUESTS_EXCHANGE,), {"x-message-ttl": PRICE_REQUEST_LIFETIME_MS}),
)
