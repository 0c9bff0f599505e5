"""One paid request to the legacy quote server, and how it ended. Values only: no I/O, no clock."""

from dataclasses import dataclass

from quotecache.protocol import PriceLine
from schema.bounds import REASON_CHARACTERS_MAX
from schema.commands import NO_USER
from schema.events import PriceRequest, Quote

SENDER = "quotecache"
"""User sent to the legacy server if a request names none: the server demands a user and echoes it."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Reason why a request brought no price. The request is paid all the same if it was sent (spec §4)."""

    reason: str
    paid: bool


ABANDONED = Failure("abandoned", paid=True)
"""Failure of a fetch whose owner died before the answer came. It counts as paid, as it may have been sent."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """A recorded request that was sent or is about to be sent."""

    quote_id: int
    request: PriceRequest
    asked_at_ms: int

    @property
    def symbol(self) -> str:
        return self.request.symbol

    @property
    def sender(self) -> str:
        """The user named in the request to the legacy server."""
        return SENDER if self.request.user == NO_USER else self.request.user


@dataclass(frozen=True, slots=True)
class Settled:
    """A fetch that ended, with its answer or its failure."""

    fetch: Fetch
    at_ms: int
    outcome: PriceLine | Failure

    @property
    def failure(self) -> str | None:
        """Reason why there is no price, cut to the length that messages allow; None if there is a price."""
        return self.outcome.reason[:REASON_CHARACTERS_MAX] if isinstance(self.outcome, Failure) else None

    @property
    def paid(self) -> bool:
        """Whether this fetch costs money."""
        return not isinstance(self.outcome, Failure) or self.outcome.paid

    def quote(self) -> Quote:
        """Returns the quote to broadcast. Only for a fetch that has a price."""
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
