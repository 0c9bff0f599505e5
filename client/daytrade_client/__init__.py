"""Client of Day Trade's API: sync and async, typed, with a command line. It knows the API, and nothing of the system.

`Client` and `AsyncClient` have the same calls (`daytrade_client.calls` describes them). Every command carries an
idempotency key and is sent again when no answer comes, so it takes effect at most once.
"""

from daytrade_client.answers import (
    AccountInfo,
    BatchResult,
    ClosedPosition,
    CommandInfo,
    HistoryEntries,
    HistoryEntry,
    PositionInfo,
    PriceInfo,
    QuoteInfo,
    StreamEvent,
    TokenInfo,
    TriggerInfo,
    WaitingOrder,
)
from daytrade_client.asynchronous import AsyncClient
from daytrade_client.calls import Order
from daytrade_client.refusals import ApiRefusal, NoAnswer, NotLoggedIn
from daytrade_client.synchronous import Client

__all__ = [
    "AccountInfo",
    "ApiRefusal",
    "AsyncClient",
    "BatchResult",
    "Client",
    "ClosedPosition",
    "CommandInfo",
    "HistoryEntries",
    "HistoryEntry",
    "NoAnswer",
    "NotLoggedIn",
    "Order",
    "PositionInfo",
    "PriceInfo",
    "QuoteInfo",
    "StreamEvent",
    "TokenInfo",
    "TriggerInfo",
    "WaitingOrder",
]
