"""Pieces of pages and their data: rendered with the page at first, and alone when something changes.

A piece `name` is the template `fragments/<name>.html` and, in PIECES, the function that fetches its data. Pages render
their pieces with the same functions, so that a piece swapped in later is what a reload would show.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from flask import abort, g, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from schema.outcomes import HistoryKind
from webapp import downloads, reads
from webapp.accounts import Person, logged_in, login_required
from webapp.bounds import Page, Seq, number_in_bounds
from webapp.pages.filters import filter_form, filter_url
from webapp.pages.root import pages
from webapp.pages.symbol_names import symbol_or_none
from webapp.pages.words import news_message

ORDERS_SHOWN = 50
RECENT_ROWS = 6
NEWS_ROWS_MAX = 20
HISTORY_ROWS_PER_PAGE = 50

Found = TypeVar("Found")


@pages.get("/fragments/<names>")
@login_required
def fragments(names: str) -> ResponseReturnValue:
    """Renders pieces to be swapped in, as HTML by name. `names`: separated by commas.

    A page requests all its pieces at once, so that all of them show the same price and the same account.
    """
    wanted = names.split(",")
    for name in wanted:
        if name not in PIECES or (name in ADMINISTRATORS_ONLY and not logged_in().administrator):
            abort(404)
    context = pieces(*wanted)
    return jsonify({name: render_template(f"fragments/{name}.html", **context) for name in wanted})


@pages.get("/news")
@login_required
def news() -> ResponseReturnValue:
    """Fills and expiries after a history row: nobody waits for their outcome, so the script announces them."""
    after = number_in_bounds(request.args.get("after"), Seq) or 0
    rows = reads.history(logged_in().user_id, size=NEWS_ROWS_MAX).rows
    fresh = [row for row in reversed(rows) if row.seq > after]
    messages = [news_message(row) for row in fresh if row.kind != HistoryKind.COMMAND]
    return jsonify({"seq": max((row.seq for row in fresh), default=after), "messages": messages})


def pieces(*names: str) -> dict[str, object]:
    """Data of these pieces in one dictionary: their names do not clash."""
    user = logged_in().user_id
    context: dict[str, object] = {}
    # The account is read first, so that the page's newest row is never newer than its pieces.
    _once(reads.account, user)
    for name in names:
        context |= PIECES[name](user)
    return context


def newest_seq(person: Person) -> int:
    """Number of the newest history row that this page surely shows; later rows are news."""
    seq: int = _once(reads.account, person.user_id).seq
    return seq


def figures(user: str) -> dict[str, object]:
    """Totals over all positions. A position without a known price counts as nothing, and is named."""
    account, portfolio = _once(reads.account, user), _portfolio(user)
    positions = portfolio.positions
    priced = [position for position in positions if position.worth_cents is not None]
    worth = sum(position.worth_cents or 0 for position in priced)
    cost = sum(position.cost_cents for position in priced)
    return {
        "account": account,
        "figures": {
            "total_cents": account.cash_cents + account.reserved_cents + worth,
            "worth_cents": worth,
            "profit_cents": worth - cost,
            "realised_cents": portfolio.realised_cents,
            "profit_percent": 100 * (worth - cost) / cost if cost else None,
            "unpriced": [position.symbol for position in positions if position.worth_cents is None],
            # Texts, because a browser's numbers are exact only up to 2^53.
            "holdings": [
                [held.symbol, str(held.shares + held.reserved_shares), str(held.cost_cents)] for held in positions
            ],
        },
    }


def orders(user: str) -> dict[str, object]:
    return {"orders": reads.pending_orders(user), "ORDERS_SHOWN": ORDERS_SHOWN}


def positions(user: str) -> dict[str, object]:
    held = _portfolio(user).positions
    return {"positions": held, "quotes": quotes([position.symbol for position in held])}


def only_account(user: str) -> dict[str, object]:
    return {"account": _once(reads.account, user)}


def means(user: str) -> dict[str, object]:
    return {"account": _once(reads.account, user), "positions": _portfolio(user).positions}


def watch(user: str) -> dict[str, object]:
    watched = reads.watched_symbols(user)
    return {"watched": watched, "quotes": quotes(watched)}


def triggers(user: str) -> dict[str, object]:
    standing = reads.trigger_orders(user, quotes)
    return {
        "triggers": standing,
        "quotes": quotes([order.symbol for order in standing]),
        "allowances": reads.allowances(user),
    }


def recent(user: str) -> dict[str, object]:
    return {"recent": reads.history(user, size=RECENT_ROWS).rows}


def history(user: str) -> dict[str, object]:
    form = filter_form(request.args)
    found = reads.history(user, form.chosen, chosen_page(), HISTORY_ROWS_PER_PAGE)
    if found.page > found.pages:
        found = reads.history(user, form.chosen, found.pages, HISTORY_ROWS_PER_PAGE)
    return {
        "found": found,
        "filter": form,
        "filtered": form.restricts,
        "page_url": lambda page: filter_url("pages.history", form, page=page),
    }


def chosen_page() -> int:
    """Page of the history that the address asks for; the first if that is not a valid page number."""
    return number_in_bounds(request.args.get("page"), Page) or 1


def trades(user: str) -> dict[str, object]:
    """Trades of the page's symbol; for a piece alone, of the symbol in the address's query."""
    symbol = symbol_or_none((request.view_args or {}).get("symbol") or request.args.get("symbol"))
    return {"symbol": symbol, "trades": reads.trades(user, symbol) if symbol else []}


def dumps(_user: str) -> dict[str, object]:
    return {"dumps": downloads.listed(logged_in())}


def operations(_user: str) -> dict[str, object]:
    now = reads.operations()
    lags = [partition.lag for partition in now.partitions if partition.lag is not None]
    cost = now.quotes
    return {
        "now": now,
        "lag_total": None if len(lags) < len(now.partitions) else sum(lags),
        "cost_ratio": f"× {cost.fetches / cost.floor:.2f}" if cost.floor else "–",
    }


def quotes(symbols: Sequence[str]) -> dict[str, reads.QuoteView | None]:
    """The newest quotes of these symbols and of all that were looked up before in this request.

    Each is looked up once per request, so that a page shows one price per symbol everywhere.
    """
    known: dict[str, reads.QuoteView | None] = g.setdefault("pages_quotes", {})
    missing = [symbol for symbol in symbols if symbol not in known]
    found = reads.latest_quotes(missing)
    known |= {symbol: found.get(symbol) for symbol in missing}
    return known


def _portfolio(user: str) -> reads.Portfolio:
    return _once(reads.portfolio, user, quotes)


def _once(read: Callable[..., Found], user: str, *more: object) -> Found:
    """Does a read that several pieces of a page need, once per request."""
    done: dict[str, Found] = g.setdefault("pages_reads", {})
    if read.__name__ not in done:
        done[read.__name__] = read(user, *more)
    return done[read.__name__]


PIECES: dict[str, Callable[[str], dict[str, object]]] = {
    "figures": figures,
    "welcome": only_account,
    "funds": only_account,
    "orders": orders,
    "positions": positions,
    "means": means,
    "watch": watch,
    "triggers": triggers,
    "recent": recent,
    "history": history,
    "trades": trades,
    "dumps": dumps,
    "operations": operations,
}
pages.add_app_template_global(newest_seq, "newest_seq")

ADMINISTRATORS_ONLY = {"operations"}
