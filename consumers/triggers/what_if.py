"""Report of a trial of recorded prices on armed trigger orders: which would have fired, when, and with what result.

Changes nothing. trial.py computes the results.
"""

from collections.abc import Iterator
from pathlib import Path

from consumers.triggers.book import Armed
from consumers.triggers.trial import Firing, would_fire
from runtime.price_file import PricePoint, format_time, read_prices
from schema.errors import DayTradeError, SettingsError
from schema.events import TriggerChange
from schema.money import format_cents
from schema.outcomes import Side


def recorded_prices(path: Path) -> list[PricePoint]:
    """Reads the points of a price file (`runtime.price_file`). Raises SettingsError, which names the file."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            points = read_prices(lines)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, DayTradeError) as error:
        raise SettingsError(f"{path}: {error}") from error
    if not points:
        raise SettingsError(f"{path}: there is no price in it")
    return points


def as_lines(orders: list[TriggerChange], prices: list[PricePoint]) -> Iterator[str]:
    """One line per armed order: when it would have fired and with what result, or how close a price came."""
    firings, quiet = would_fire(orders, prices)
    for one in firings:
        yield f"{_of(one.order)}: fires at {format_time(one.at_ms)} at {format_cents(one.price_cents)}: {_result(one)}"
    for other in quiet:
        why = "no price of this symbol is recorded"
        if other.closest is not None:
            why = f"closest was {format_cents(other.closest.price_cents)} at {format_time(other.closest.at_ms)}"
        yield f"{_of(other.order)}: does not fire; {why}"


def _of(order: Armed) -> str:
    bound = "at most" if order.side is Side.BUY else "at least"
    return f"{order.side} {order.symbol} at {bound} {format_cents(order.trigger_cents)}"


def _result(one: Firing) -> str:
    cash = format_cents(one.cash_cents)
    if one.order.side is Side.SELL:
        return f"{one.shares} shares sold, {cash} received"
    return f"{one.shares} shares bought, {cash} spent, {format_cents(one.back_cents)} of the reserve given back"
