"""Pages of the history: filtered, exported, one row with the account as it was, and explanations of figures."""

from functools import partial
from urllib.parse import urlsplit

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from webapp import exports, reads
from webapp.accounts import logged_in, login_required
from webapp.bounds import FigureName, Seq, number_in_bounds, text_in_bounds
from webapp.pages.filters import KINDS, FilterForm, filter_form, filter_url
from webapp.pages.fragments import ORDERS_SHOWN, pieces
from webapp.pages.root import pages

EXPORTS = {"csv": (reads.history_csv, "text/csv"), "json": (reads.history_json, "application/json")}
FIGURE_NAMES = {
    "cash": "Available cash",
    "reserved": "Reserved cash",
    "shares": "Available shares of {}",
    "reserved_shares": "Reserved shares of {}",
    "cost": "Cost of the shares of {}",
    "realised": "Realised profit",
}
AVERAGE_COST = (
    "By average cost: a purchase adds what you paid. A sale removes the average cost of the shares sold (cost × "
    "shares sold ÷ shares held, rounded down to the cent). The rest of what the sale brought is your realised profit."
)
RULES = {"cost": AVERAGE_COST, "realised": AVERAGE_COST}
"""Rules behind the figures that no column of the history holds."""


@pages.get("/history")
@login_required
def history() -> ResponseReturnValue:
    context = pieces("history", "means")
    chosen, found = context["filter"], context["found"]
    assert isinstance(chosen, FilterForm) and isinstance(found, reads.HistoryPage)
    query = urlsplit(filter_url("pages.history", chosen, page=found.page)).query
    addresses = {form: filter_url("pages.export", chosen, form=form) for form in EXPORTS}
    return render_template("history.html", kinds=KINDS, fragment_query=query, exports=addresses, **context)


@pages.get("/history.<any(csv, json):form>")
@login_required
def export(form: str) -> Response:
    """Exports all rows that the address's filter matches. It streams them, so a long history needs no memory."""
    rows, media_type = EXPORTS[form]
    user = logged_in().user_id
    headers = {"Content-Disposition": f'attachment; filename="history.{form}"'}
    return exports.export(user, partial(rows, user, filter_form(request.args).chosen), media_type, headers)


@pages.get("/history/<seq>")
@login_required
def history_row(seq: str) -> ResponseReturnValue:
    """Shows a row, and the account right after it."""
    user = logged_in().user_id
    number = number_in_bounds(seq, Seq) or abort(404)
    row = reads.history_row(user, number) or abort(404)
    then = reads.account_at(user, number)
    newest = reads.account(user).seq
    return render_template("history_row.html", row=row, then=then, newest=newest, ORDERS_SHOWN=ORDERS_SHOWN)


@pages.get("/explain/<figure>")
@login_required
def explain(figure: str) -> ResponseReturnValue:
    """Shows the rows that add up to a figure."""
    figure = text_in_bounds(figure, FigureName) or abort(404)
    explanation = reads.explain(logged_in().user_id, figure) or abort(404)
    figure_name, _, symbol = figure.partition(":")
    name = FIGURE_NAMES[figure_name].format(symbol)
    if figure_name == "realised" and symbol:
        name += f" with {symbol}"
    return render_template("explain.html", explanation=explanation, name=name, rule=RULES.get(figure_name))
