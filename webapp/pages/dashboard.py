"""The dashboard, the account summary, the watch list and the choice of light or dark."""

from flask import abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webapp import reads
from webapp.accounts import logged_in, login_required
from webapp.pages.context import THEMES, local_path
from webapp.pages.fragments import pieces
from webapp.pages.root import pages
from webapp.pages.submit import tell
from webapp.pages.symbol_names import symbol_or_none
from webapp.pages.words import message

THEME_SECONDS = 365 * 24 * 3600


@pages.get("/")
@login_required
def dashboard() -> ResponseReturnValue:
    return render_template("dashboard.html", **pieces("figures", "orders", "positions", "watch", "recent"))


@pages.get("/summary")
@login_required
def summary() -> ResponseReturnValue:
    """Shows the content of DISPLAY_SUMMARY (spec §3), and a button that gives the command."""
    return render_template("summary.html", **pieces("figures", "positions", "orders", "triggers", "recent"))


@pages.post("/watch")
@login_required
def watch() -> ResponseReturnValue:
    symbol = symbol_or_none(request.form.get("symbol"))
    if symbol is None:
        return tell(message("rejected", "Not watched", "A symbol has one to three letters."))
    if not reads.watch(logged_in().user_id, symbol):
        return tell(message("rejected", "Not watched", "Your watch list is full. Remove a symbol first."))
    return tell(message("done", f"Watching {symbol}", "Its price is now on your watch list."))


@pages.post("/watch/remove")
@login_required
def unwatch() -> ResponseReturnValue:
    symbol = symbol_or_none(request.form.get("symbol")) or abort(400)
    reads.unwatch(logged_in().user_id, symbol)
    return tell(message("done", f"{symbol} removed from your watch list", "You can add it again at any time."))


@pages.post("/theme")
def switch_theme() -> ResponseReturnValue:
    """Toggles light and dark for browsers without script; the first press chooses dark."""
    chosen = THEMES[0] if request.cookies.get("theme") == THEMES[1] else THEMES[1]
    response = redirect(local_path(request.form.get("next", "")), 303)
    response.set_cookie("theme", chosen, max_age=THEME_SECONDS, samesite="Lax", secure=request.is_secure)
    return response
