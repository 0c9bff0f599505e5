"""Pages of symbols: one symbol's prices over time with the person's trades, and the list of those held or watched."""

from flask import abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from runtime.wall_clock import now_ms
from webapp import reads
from webapp.accounts import logged_in, login_required
from webapp.pages.fragments import pieces, quotes
from webapp.pages.root import pages
from webapp.pages.symbol_names import symbol_or_none

HOUR_MS = 3_600_000
RANGES = {
    "hour": ("1 hour", HOUR_MS),
    "day": ("1 day", 24 * HOUR_MS),
    "week": ("1 week", 168 * HOUR_MS),
    "all": ("All", None),
}
RANGE_DEFAULT = "day"


@pages.get("/symbols")
@login_required
def symbols() -> ResponseReturnValue:
    """Lists the person's symbols; with a symbol in the query, redirects to its page."""
    wanted = symbol_or_none(request.args.get("symbol"))
    if wanted:
        return redirect(url_for("pages.symbol", symbol=wanted), 303)
    user = logged_in().user_id
    known = sorted({*reads.watched_symbols(user), *(position.symbol for position in reads.positions(user))})
    return render_template("symbols.html", known=known, quotes=quotes(known))


@pages.get("/symbols/<symbol>")
@login_required
def symbol(symbol: str) -> ResponseReturnValue:
    name = symbol_or_none(symbol) or abort(404)
    if name != symbol:
        return redirect(url_for("pages.symbol", symbol=name), 301)
    chosen, from_ms = _range()
    prices = reads.price_history(name, from_ms)
    return render_template(
        "symbol.html",
        quote=reads.latest_quote(name),
        prices=prices,
        lowest=min((price.price_cents for price in prices), default=None),
        highest=max((price.price_cents for price in prices), default=None),
        watched=name in reads.watched_symbols(logged_in().user_id),
        range=chosen,
        ranges=[(label, value) for value, (label, _) in RANGES.items()],
        **pieces("trades"),
    )


@pages.get("/symbols/<symbol>/chart")
@login_required
def chart(symbol: str) -> ResponseReturnValue:
    """Data of the chart, in cents and milliseconds."""
    name = symbol_or_none(symbol) or abort(404)
    _, from_ms = _range()
    prices = reads.price_history(name, from_ms)
    trades = reads.trades(logged_in().user_id, name, from_ms)
    return jsonify(
        now_ms=now_ms(),
        prices=[{"at_ms": price.asked_at_ms, "price_cents": price.price_cents} for price in prices],
        trades=[{"at_ms": trade.at_ms, "side": trade.side, "price_cents": trade.price_cents} for trade in trades],
    )


def _range() -> tuple[str, int]:
    """Name of the chosen range, and its beginning in ms since the epoch."""
    chosen = request.args.get("range", RANGE_DEFAULT)
    chosen = chosen if chosen in RANGES else RANGE_DEFAULT
    length_ms = RANGES[chosen][1]
    return chosen, now_ms() - length_ms if length_ms else 0
