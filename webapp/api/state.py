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
    """Answer to DISPLAY_SUMMARY (spec §3)."""

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
    """Show your cash, available and reserved."""
    return reads.account(person.user_id)


@operation("GET", "/account/at/{seq}", {200: reads.AccountAt}, path_parameters={"seq": Seq})
def get_account_at(person: Person, seq: int) -> reads.AccountAt:
    """Show your account right after a row of its history: cash, shares, pending orders and trigger orders."""
    at = reads.account_at(person.user_id, seq)
    if at is None:
        raise ProblemError(404, "your history has no row with this number")
    return at


@operation("GET", "/account/explain/{figure}", {200: reads.Explanation}, path_parameters={"figure": FigureName})
def explain_figure(person: Person, figure: str) -> reads.Explanation:
    """List the rows that add up to a figure: cash, reserved, realised, or shares, reserved_shares, cost of a symbol."""
    explanation = reads.explain(person.user_id, figure)
    if explanation is None:
        raise ProblemError(404, "unknown figure")
    return explanation


@operation("GET", "/positions", {200: list[reads.PositionView]})
def list_positions(person: Person) -> list[reads.PositionView]:
    """List your positions, with their value at the latest known price."""
    return reads.positions(person.user_id)


@operation("GET", "/profit", {200: reads.Realised})
def get_profit(person: Person) -> reads.Realised:
    """Show your realised profit: the proceeds of all sales, less the average cost of the shares sold."""
    return reads.realised(person.user_id)


@operation("GET", "/orders", {200: list[reads.PendingOrderView]})
def list_orders(person: Person) -> list[reads.PendingOrderView]:
    """List your pending orders, newest first."""
    return reads.pending_orders(person.user_id)


@operation("GET", "/triggers", {200: list[reads.TriggerOrderView]})
def list_triggers(person: Person) -> list[reads.TriggerOrderView]:
    """List your trigger orders, with the distance from the price to the trigger."""
    return reads.trigger_orders(person.user_id)


@operation("GET", "/allowances", {200: reads.PersonAllowances})
def get_allowances(person: Person) -> reads.PersonAllowances:
    """Show how many armed triggers and paid quotes you may use and have used, and whether triggers are paused."""
    return reads.allowances(person.user_id)


@operation("GET", "/summary", {200: Summary})
def get_summary(person: Person) -> Summary:
    """Show account, positions, orders and history at once. The command DISPLAY_SUMMARY does the same, and is logged."""
    return summary_of(person.user_id)


@operation("GET", "/quotes/{symbol}", {200: reads.QuoteView}, path_parameters={"symbol": SymbolLetters})
def get_quote(person: Person, symbol: str) -> reads.QuoteView:
    """Show the latest known price and its age, at no cost. The command QUOTE gets a price that an order can use."""
    quote = reads.latest_quote(symbol.upper())
    if quote is None:
        raise ProblemError(404, "no price of this symbol is known yet: give a QUOTE to get one")
    return quote


@operation("GET", "/prices/{symbol}", {200: list[reads.Price]}, path_parameters={"symbol": SymbolLetters}, query=Since)
def list_prices(person: Person, symbol: str, query: Since) -> list[reads.Price]:
    """List every price that was paid for, oldest first."""
    return reads.price_history(symbol.upper(), query.from_ms)
