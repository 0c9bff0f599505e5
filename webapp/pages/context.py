"""Globals and filters of every template: the current person and page, the clock, the formats. Data of a single
page are not here."""

import secrets
from collections.abc import Mapping
from typing import cast
from urllib.parse import SplitResult, urlsplit

from flask import Response, flash, get_flashed_messages, request, url_for
from flask.sansio.blueprints import BlueprintSetupState

from runtime.wall_clock import now_ms
from webapp.accounts import Person, current_user
from webapp.live_address import SYMBOLS_MAX, stream_url
from webapp.pages import formats, words
from webapp.pages.root import pages

THEMES = ("light", "dark")
FORM_TOKEN_BYTES = 16
NAVIGATION_ENTRIES = {
    "symbol": "symbols",
    "history_row": "history",
    "explain": "history",
    "dead_letters": "operations",
}
"""Pages and the navigation entries that they belong to."""

ICONS = {
    "dashboard": "dashboard",
    "trade": "trade",
    "triggers": "triggers",
    "history": "history",
    "symbols": "symbol",
    "log": "log",
    "operations": "operations",
}

for module, names in (
    (formats, ("dollars", "signed_dollars", "count", "count_or_dash", "signed_count", "figure", "percent",
               "plain_percent", "rate", "moment", "time_of_day", "is_date", "iso", "age", "sentence")),
    (words, ("title_of_row", "what_happened", "share_count")),
):  # fmt: skip
    for name in names:
        pages.add_app_template_filter(getattr(module, name), name)


@pages.record_once
def tidy_templates(state: BlueprintSetupState) -> None:
    """Makes template lines that hold only a statement leave no empty line behind."""
    state.app.jinja_env.trim_blocks = True
    state.app.jinja_env.lstrip_blocks = True


@pages.after_request
def tell_time(response: Response) -> Response:
    """Sends the server's time, by which the page's countdowns run whatever the browser's clock says."""
    response.headers["X-Server-Time-Ms"] = str(now_ms())
    return response


def theme() -> str | None:
    """The theme that the person chose; None means that of their system."""
    chosen = request.cookies.get("theme")
    return chosen if chosen in THEMES else None


def navigation(person: Person) -> list[tuple[str, str, bool]]:
    """Entries as (endpoint, label, is secondary): a phone has room for secondary entries only in the menu."""
    entries = [
        ("dashboard", "Dashboard", False),
        ("trade", "Trade", False),
        ("triggers", "Triggers", False),
        ("history", "History", False),
        ("symbols", "Symbols", False),
        ("log", "Log", True),
    ]
    return [*entries, ("operations", "Operations", True)] if person.administrator else entries


def current_entry() -> str:
    """The navigation entry of this page."""
    name = (request.endpoint or "").removeprefix("pages.")
    return NAVIGATION_ENTRIES.get(name, name)


def form_token() -> str:
    """Makes a form's token, from which the idempotency key of its command is made (`webapp.pages.intentions`)."""
    return secrets.token_urlsafe(FORM_TOKEN_BYTES)


def back_to() -> str:
    """Path to which a form on this page returns; for a form in a fragment, that of the page around it."""
    if request.method != "GET" or request.endpoint in ("pages.fragments", "pages.estimate"):
        address = _parts(request.referrer or "")
        if address is None or address.netloc != request.host:
            return "/"
        return local_path(f"{address.path}?{address.query}")
    return local_path(request.full_path)


def local_path(path: str) -> str:
    """The path if it is one of this site, else its front page: a form or an address cannot redirect to another site."""
    path = path.rstrip("?")
    address = _parts(path)
    sound = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    is_here = address is not None and not address.netloc and not address.scheme
    return path if sound and is_here else url_for("pages.dashboard")


def _parts(address: str) -> SplitResult | None:
    """Parts of an address; None for a text that is no address."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


def flashed_messages() -> list[dict[str, str]]:
    """Messages that the previous request left for this page."""
    return cast(list[dict[str, str]], get_flashed_messages())


def tell_on_next_page(words: Mapping[str, object]) -> None:
    """Leaves a message for the next page that is shown."""
    flash(words)  # type: ignore[arg-type]  # Flask takes whatever a session's JSON holds


GLOBALS: dict[str, object] = {
    "now_ms": now_ms,
    "theme": theme,
    "person": current_user,
    "stream_url": stream_url,
    "STREAM_SYMBOLS_MAX": SYMBOLS_MAX,
    "navigation": navigation,
    "current_entry": current_entry,
    "icons": ICONS,
    "form_token": form_token,
    "back_to": back_to,
    "flashed_messages": flashed_messages,
}


@pages.record_once
def add_globals(state: BlueprintSetupState) -> None:
    """Adds globals, not a context processor, because imported macros do not see the latter."""
    state.app.jinja_env.globals.update(GLOBALS)
