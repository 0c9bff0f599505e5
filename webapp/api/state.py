"""API calls for a person's account, positions, orders, triggers and summary, and for quotes and prices."""

import msgspec

from webapp import reads
from webapp.accounts import Person
from webapp.api.operation import operation
from webapp.api.problems import ProblemError
from webapp.api.requests import Since
from webapp.bounds import FigureName, Seq, SymbolLetters

SUMMARY_ROWS = 20


class Summary(msgspec.Struct, frozen=True):
    """What DISPLAY_SUMMARY shows (spec §3)."""

    account: reads.AccountView
    positions: list[reads.PositionView]
    pending_orders: list[reads.PendingOrderView]
    trigger_orders: list[reads.TriggerOrderView]
    history: list[reads.HistoryRowView]


def summary_of(user: str) -> Summary:
    return Summary(
        reads.account(user),
        reads.positions(user),
        reads.pending_orders(user),
        reads.trigger_orders(user),
        reads.history(user, size=SUMMARY_ROWS).rows,
    )


@operation("GET", "/account", {200: reads.AccountView})
def get_account(person: Person) -> reads.AccountView:
    """Your cash, available and reserved."""
    return reads.account(person.user_id)


@operation("GET", "/account/at/{seq}", {200: reads.AccountAt}, place={"seq": Seq})
def get_account_at(person: Person, seq: int) -> reads.AccountAt:
    """Your account as a row of its history left it: cash, shares, pending orders and trigger orders."""
    at = reads.account_at(person.user_id, seq)
    if at is None:
        raise ProblemError(404, "your history has no such row")
    return at


@operation("GET", "/account/explain/{figure}", {200: reads.Explanation}, place={"figure": FigureName})
def explain_figure(person: Person, figure: str) -> reads.Explanation:
    """The rows that add up to a figure: cash, reserved, realised, or shares, reserved_shares, cost of a symbol."""
    explanation = reads.explain(person.user_id, figure)
    if explanation is None:
        raise ProblemError(404, "there is no such figure")
    return explanation


@operation("GET", "/positions", {200: list[reads.PositionView]})
def list_positions(person: Person) -> list[reads.PositionView]:
    """Your shares, with their worth at the latest price known."""
    return reads.positions(person.user_id)


@operation("GET", "/profit", {200: reads.Realised})
def get_profit(person: Person) -> reads.Realised:
    """What your sales brought beyond the average cost of what was sold, over all your history."""
    return reads.realised(person.user_id)


@operation("GET", "/orders", {200: list[reads.PendingOrderView]})
def list_orders(person: Person) -> list[reads.PendingOrderView]:
    """Your orders that await their commit, the newest first."""
    return reads.pending_orders(person.user_id)


@operation("GET", "/triggers", {200: list[reads.TriggerOrderView]})
def list_triggers(person: Person) -> list[reads.TriggerOrderView]:
    """Your trigger orders, with how far the price has to go."""
    return reads.trigger_orders(person.user_id)


@operation("GET", "/allowances", {200: reads.PersonAllowances})
def get_allowances(person: Person) -> reads.PersonAllowances:
    """How many armed trigger orders and paid quotes you have used and may use, and whether triggers are paused."""
    return reads.allowances(person.user_id)


@operation("GET", "/summary", {200: Summary})
def get_summary(person: Person) -> Summary:
    """All of the above at once. (The command DISPLAY_SUMMARY gives the same, and leaves its trace in the log.)"""
    return summary_of(person.user_id)


@operation("GET", "/quotes/{symbol}", {200: reads.QuoteView}, place={"symbol": SymbolLetters})
def get_quote(person: Person, symbol: str) -> reads.QuoteView:
    """The latest price known and its age; costs nothing. (The command QUOTE gets one that is good for an order.)"""
    quote = reads.latest_quote(symbol.upper())
    if quote is None:
        raise ProblemError(404, "nobody has ever asked for this symbol's price")
    return quote


@operation("GET", "/prices/{symbol}", {200: list[reads.Price]}, place={"symbol": SymbolLetters}, query=Since)
def list_prices(person: Person, symbol: str, query: Since) -> list[reads.Price]:
    """Every price that was asked for, the oldest first."""
    return reads.price_history(symbol.upper(), query.from_ms)
