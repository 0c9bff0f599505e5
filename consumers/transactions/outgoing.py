"""Messages that announce a partition's output of a batch: audit entries, trigger changes, replies and hints.

Pure. `rabbitmq.topology` defines the exchanges and keys.
"""

from typing import TypeVar

from consumers.transactions.batch import PartitionOutput
from rabbitmq.publisher import Outgoing
from rabbitmq.topology import (
    ACCOUNTS_EXCHANGE,
    AUDIT_EXCHANGE,
    REPLIES_EXCHANGE,
    TRIGGERS_EXCHANGE,
    account_key,
    trigger_key,
)
from schema import codec
from schema.commands import VERSION
from schema.events import (
    ENTRIES_PER_MESSAGE_MAX,
    NEWS_PER_MESSAGE_MAX,
    AccountsChanged,
    AuditMessage,
    ReplyMessage,
    TriggerChange,
    TriggerMessage,
    trigger_partition_of,
)

T = TypeVar("T")


def messages_of(partition: int, output: PartitionOutput, first_number: int) -> list[Outgoing]:
    """All messages of an output; its audit entries are numbered from `first_number` on."""
    messages = []
    for entries in _cut(output.entries, ENTRIES_PER_MESSAGE_MAX):
        body = codec.encode(AuditMessage(VERSION, partition, first_number, entries))
        messages.append(Outgoing(AUDIT_EXCHANGE, "", body))
        first_number += len(entries)
    return messages + _trigger_messages(output.changes)


def news_of(partition: int, output: PartitionOutput) -> list[Outgoing]:
    """Replies and change hints for clients. They are sent after the commit and not kept: the database has the facts."""
    messages = [
        Outgoing(
            REPLIES_EXCHANGE, queue, codec.encode(ReplyMessage(VERSION, replies)), mandatory=False, may_be_lost=True
        )
        for queue, all_replies in output.replies.items()
        for replies in _cut(all_replies, NEWS_PER_MESSAGE_MAX)
    ]
    for users in _cut(sorted(output.users), NEWS_PER_MESSAGE_MAX):
        body = codec.encode(AccountsChanged(VERSION, users))
        messages.append(Outgoing(ACCOUNTS_EXCHANGE, account_key(partition), body, mandatory=False, may_be_lost=True))
    return messages


def _trigger_messages(changes: list[TriggerChange]) -> list[Outgoing]:
    by_partition: dict[int, list[TriggerChange]] = {}
    for change in changes:
        by_partition.setdefault(trigger_partition_of(change.symbol), []).append(change)
    # Not mandatory: a trigger worker that is down reads the trigger orders from the database when it starts.
    return [
        Outgoing(TRIGGERS_EXCHANGE, trigger_key(n), codec.encode(TriggerMessage(VERSION, some)), mandatory=False)
        for n, of_n in by_partition.items()
        for some in _cut(of_n, NEWS_PER_MESSAGE_MAX)
    ]


def _cut(items: list[T], most: int) -> list[list[T]]:
    """Cuts a list into lists of at most `most` items, in order."""
    return [items[start : start + most] for start in range(0, len(items), most)]
