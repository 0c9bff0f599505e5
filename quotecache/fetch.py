"""One paid request to the legacy quote server, and how it ended. Values only: no I/O, no clock."""

from dataclasses import dataclass

from quotecache.protocol import PriceLine
from schema.bounds import REASON_CHARACTERS_MAX
from schema.commands import NOBODY
from schema.events import NOT_SENT, PriceRequest, Quote

SENDER = "quotecache"
"""Named to the legacy server where a request names no user: it insists on one, and echoes it."""

ABANDONED = "abandoned"
"""The reason of a fetch whose owner died before the answer came: paid, as it may have been sent."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request that is on record, and sent, or about to be."""

    quote_id: int
    request: PriceRequest
    asked_at_ms: int

    @property
    def symbol(self) -> str:
        return self.request.symbol

    @property
    def sender(self) -> str:
        """The user that the legacy server is told."""
        return SENDER if self.request.user == NOBODY else self.request.user


@dataclass(frozen=True, slots=True)
class Settled:
    """A fetch that ended, with the answer's line or with the reason why there is none."""

    fetch: Fetch
    at_ms: int
    outcome: PriceLine | str

    @property
    def failure(self) -> str | None:
        """Why there is no price, cut to what messages may hold; None where there is one."""
        return self.outcome[:REASON_CHARACTERS_MAX] if isinstance(self.outcome, str) else None

    @property
    def paid(self) -> bool:
        """A request without a price is paid all the same, if only it was sent (spec §4)."""
        return self.failure is None or not self.failure.startswith(NOT_SENT)

    def quote(self) -> Quote:
        """The price as others hear it; only of a fetch that has one."""
        assert isinstance(self.outcome, PriceLine), self.outcome
        fetch, request = self.fetch, self.fetch.request
        return Quote(
            quote_id=fetch.quote_id,
            symbol=fetch.symbol,
            price_cents=self.outcome.price_cents,
            asked_at_ms=fetch.asked_at_ms,
            cause_transaction_number=request.transaction_number,
            cause_user=request.user,
        )
