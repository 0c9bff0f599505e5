"""The trade ticket with its estimate, and the page of trigger orders."""

from dataclasses import dataclass

from flask import render_template, request
from flask.typing import ResponseReturnValue

from schema.errors import MalformedMoney
from schema.money import parse_cents, whole_shares
from schema.outcomes import Side
from webapp import reads
from webapp.accounts import logged_in, login_required
from webapp.pages.fragments import pieces
from webapp.pages.intentions import TOKEN_CHARACTERS_MAX
from webapp.pages.root import pages
from webapp.pages.symbol_names import symbol_or_none
from webapp.pages.words import share_count


@dataclass(frozen=True)
class Ticket:
    """Values with which the address prefills the form, as text."""

    side: str
    symbol: str
    amount: str
    price: str = ""
    token: str = ""
    """Token of a form that requested its estimate by reloading the page, without script. The reloaded form keeps it."""


@dataclass(frozen=True)
class Estimate:
    """Estimate of an order at the newest price. None: unknown, because the price or the amount is missing."""

    side: str
    symbol: str | None
    quote: reads.QuoteView | None
    amount_cents: int | None = None
    shares: int | None = None
    total_cents: int | None = None
    rest_cents: int | None = None
    warning: str | None = None


@pages.get("/trade")
@login_required
def trade() -> ResponseReturnValue:
    return render_template("trade.html", ticket=_ticket(), estimate=_estimate(), **pieces("means", "orders"))


@pages.get("/fragments/estimate")
@login_required
def estimate() -> ResponseReturnValue:
    """Renders the estimate, which the script requests while the ticket is filled in."""
    return render_template("fragments/estimate.html", estimate=_estimate())


@pages.get("/triggers")
@login_required
def triggers() -> ResponseReturnValue:
    """Shows trigger orders; with a symbol and side in the query, the forms are filled in with that order, to
    change it."""
    context = pieces("triggers")
    ticket = _ticket()
    orders = context["triggers"]
    assert isinstance(orders, list)
    standing = next((order for order in orders if (order.symbol, order.side) == (ticket.symbol, ticket.side)), None)
    if standing is not None:
        amount, trigger = plain(standing.amount_cents), standing.trigger_cents
        ticket = Ticket(ticket.side, ticket.symbol, amount, plain(trigger) if trigger else "")
    return render_template("triggers.html", ticket=ticket, **context)


def plain(cents: int) -> str:
    """Dollars as a form field holds them: 1234.56."""
    return f"{cents // 100}.{cents % 100:02d}"


def _ticket() -> Ticket:
    side = request.args.get("side", "")
    return Ticket(
        side if side in set(Side) else Side.BUY.value,
        symbol_or_none(request.args.get("symbol")) or "",
        request.args.get("amount", ""),
        token=request.args.get("form_token", "")[:TOKEN_CHARACTERS_MAX],
    )


def _estimate() -> Estimate:
    ticket = _ticket()
    quote = reads.latest_quote(ticket.symbol) if ticket.symbol else None
    try:
        amount = parse_cents(ticket.amount.strip())
    except MalformedMoney:
        amount = None
    if quote is None or amount is None or amount <= 0:
        return Estimate(ticket.side, ticket.symbol, quote)
    shares = whole_shares(amount, quote.price_cents)
    total = shares * quote.price_cents
    return Estimate(
        ticket.side, ticket.symbol, quote, amount, shares, total, amount - total, _warning(ticket, amount, shares)
    )


def _warning(ticket: Ticket, amount_cents: int, shares: int) -> str | None:
    """Warning if the order would be rejected now, else None. Only a hint: the engine decides when it runs the order."""
    user = logged_in().user_id
    if ticket.side == Side.BUY:
        account = reads.account(user)
        if not account.opened:
            return "You have no account yet. Add funds first."
        return "This is more than your available cash." if account.cash_cents < amount_cents else None
    held = next((position.shares for position in reads.positions(user) if position.symbol == ticket.symbol), 0)
    return f"You have only {share_count(held)} available." if held < shares else None
