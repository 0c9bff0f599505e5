"""Audit entries about paid requests (spec §6). Pure: values in, messages out."""

from quotecache.fetch import Settled
from quotecache.protocol import PriceLine
from rabbitmq.publisher import Outgoing
from rabbitmq.topology import AUDIT_EXCHANGE
from schema.codec import encode
from schema.commands import VERSION, CommandName
from schema.events import ENTRIES_PER_MESSAGE_MAX, QUOTECACHE_SOURCE, AuditEntry, AuditKind, AuditMessage


def audit_messages(settled: list[Settled], first_number: int) -> list[Outgoing]:
    """Builds one entry for each fetch that ended, in their order, numbered from `first_number` on."""
    entries = [_entry(one) for one in settled]
    messages = []
    for start in range(0, len(entries), ENTRIES_PER_MESSAGE_MAX):
        some = entries[start : start + ENTRIES_PER_MESSAGE_MAX]
        message = AuditMessage(VERSION, QUOTECACHE_SOURCE, first_number + start, some)
        messages.append(Outgoing(AUDIT_EXCHANGE, "", encode(message)))
    return messages


def _entry(settled: Settled) -> AuditEntry:
    fetch, line = settled.fetch, settled.outcome
    if isinstance(line, PriceLine):
        return AuditEntry(
            AuditKind.QUOTE_SERVER,
            settled.at_ms,
            fetch.request.transaction_number,
            # The log's format demands a user, and the server's answer names the one sent in the request.
            user=fetch.sender,
            symbol=fetch.symbol,
            funds_cents=line.price_cents,
            quote_server_time=line.quote_server_time,
            cryptokey=line.cryptokey,
        )
    cost = "is paid for without a price" if settled.paid else "is not paid for"
    return AuditEntry(
        AuditKind.DEBUG_EVENT,
        settled.at_ms,
        fetch.request.transaction_number,
        command=CommandName.QUOTE,
        user=fetch.request.user or None,
        symbol=fetch.symbol,
        message=f"quote request {fetch.quote_id} of {fetch.asked_at_ms} {cost}: {settled.failure}",
    )
