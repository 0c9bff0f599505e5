"""One paid request to the legacy quote server, and how it ended. Values only: no I/O, no clock."""

from dataclasses import dataclass

from quotecache.protocol import PriceLine
from schema.bounds import REASON_CHARACTERS_MAX
from schema.commands import NOBODY
from schema.events import PriceRequest, Quote

SENDER = "quotecache"
"""Named to the legacy server where a request names no user: it insists on one, and echoes it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The reason why a request brought no price. It is paid for all the same, if only it was sent (spec §4)."""

    reason: str
    paid: bool


ABANDONED = Failure("abandoned", paid=True)
"""The end of a fetch whose owner died before the answer came: paid, as it may have been sent."""


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
    """A fetch that ended, with the answer's line or without one."""

    fetch: Fetch
    at_ms: int
    outcome: PriceLine | Failure

    @property
    def failure(self) -> str | None:
        """Why there is no price, cut to what messages may hold; None where there is one."""
        return self.outcome.reason[:REASON_CHARACTERS_MAX] if isinstance(self.outcome, Failure) else None

    @property
    def paid(self) -> bool:
        """Whether the quote server is paid for this fetch."""
        return not isinstance(self.outcome, Failure) or self.outcome.paid

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
