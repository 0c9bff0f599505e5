"""The history page's filter, converted between its form, addresses and the database's times. Pure but for url_for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import url_for

from schema.commands import CommandName
from schema.outcomes import HistoryKind
from webapp.pages.symbol_names import symbol_or_none
from webapp.pages.words import NAMES
from webapp.reads import HistoryFilter

KINDS = [
    ("command", "All commands"),
    ("fill", "Triggers that fired"),
    ("expiry", "Expired orders"),
    *((name.value, NAMES[name]) for name in CommandName),
]
"""Kinds of rows to choose from, and their labels."""

MINUTE_MS = 60_000

_ALLOWED = {*HistoryKind, *CommandName}


@dataclass(frozen=True)
class FilterForm:
    """The filter `chosen`, and its times as the form shows them: `from_text`, `to_text` in minutes, UTC, inclusive."""

    chosen: HistoryFilter
    from_text: str | None = None
    to_text: str | None = None

    @property
    def restricts(self) -> bool:
        return self.chosen != HistoryFilter()


def filter_form(arguments: Mapping[str, str]) -> FilterForm:
    """The filter in an address's query; parts that are not valid are left out."""
    kind = arguments.get("kind")
    from_text, from_ms = _minute(arguments.get("from"))
    to_text, to_ms = _minute(arguments.get("to"))
    chosen = HistoryFilter(
        kind if kind in _ALLOWED else None,
        symbol_or_none(arguments.get("symbol")),
        from_ms,
        to_ms + MINUTE_MS - 1 if to_ms is not None else None,
    )
    return FilterForm(chosen, from_text, to_text)


def filter_url(endpoint: str, form: FilterForm, /, **more: str | int) -> str:
    """The address of a page with this filter."""
    query = {"kind": form.chosen.kind, "symbol": form.chosen.symbol, "from": form.from_text, "to": form.to_text}
    # Any, because url_for has parameters of its own with other types.
    values: dict[str, Any] = {name: value for name, value in query.items() if value} | more
    return url_for(endpoint, **values)


def _minute(text: str | None) -> tuple[str | None, int | None]:
    try:
        at = datetime.fromisoformat(text or "").replace(tzinfo=None, second=0, microsecond=0)
        return at.isoformat(timespec="minutes"), int(at.replace(tzinfo=UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None, None
