"""API calls for the past of the account, of its worth and of prices, in pages."""

from typing import Annotated

import msgspec
from msgspec import Meta

from webapp.accounts import Person
from webapp.api.operation import operation
from webapp.bounds import Seq, SymbolLetters, TimeMs
from webapp.reads import past

Size = Annotated[int, Meta(ge=1, le=past.POINTS_MAX, description="Maximum points in the answer.")]
StepMs = Annotated[int, Meta(ge=1_000, le=31 * 86_400_000, description="Time between two points, in ms.")]
PriceCursor = Annotated[str, Meta(pattern="^[0-9]{1,15}-[0-9]{1,18}$", description="`next_after` of the page before.")]


class AccountHistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Page of the account's points. `after`: number of a history row, `next_after` of the page before."""

    after: Seq = 0
    size: Size = past.POINTS_MAX


class PortfolioHistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Page of the points of the account's worth. `from_ms`: `next_from_ms` of the page before."""

    from_ms: TimeMs | None = None
    to_ms: TimeMs | None = None
    step_ms: StepMs = 60_000
    size: Size = past.POINTS_MAX


class PriceHistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Page of a symbol's prices."""

    after: PriceCursor | None = None
    size: Size = past.POINTS_MAX


@operation("GET", "/account/history", {200: past.AccountHistory}, query=AccountHistoryQuery)
def list_account_history(person: Person, query: AccountHistoryQuery) -> past.AccountHistory:
    """List your cash after each row of your history, oldest first."""
    return past.account_history(person.user_id, query.after, query.size)


@operation("GET", "/portfolio/history", {200: past.PortfolioHistory}, query=PortfolioHistoryQuery)
def list_portfolio_history(person: Person, query: PortfolioHistoryQuery) -> past.PortfolioHistory:
    """List the worth of your account at regular times, oldest first."""
    return past.portfolio_history(person.user_id, query.step_ms, query.from_ms, query.to_ms, query.size)


@operation(
    "GET",
    "/prices/{symbol}/history",
    {200: past.PriceHistory},
    path_parameters={"symbol": SymbolLetters},
    query=PriceHistoryQuery,
)
def list_price_history(person: Person, symbol: str, query: PriceHistoryQuery) -> past.PriceHistory:
    """List every price of a symbol that was paid for, oldest first, in pages."""
    return past.price_points(symbol.upper(), query.after, query.size)
