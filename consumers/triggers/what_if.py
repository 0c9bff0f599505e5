"""`python -m consumers.triggers.what_if USER --prices file.csv`: tries a user's trigger orders against history.

Reads the user's armed trigger orders and the recorded prices (`runtime.price_file`), and prints which of them would
have fired, when, and with what result. Changes nothing; what follows from what is trial.py's.
"""

import argparse
import os
import sys
from pathlib import Path

from consumers.triggers import store
from consumers.triggers.book import Armed
from consumers.triggers.trial import Firing, Quiet, would_fire
from database import postgres
from runtime import entry_point
from runtime.price_file import PricePoint, format_time, read_prices
from schema.commands import is_user
from schema.errors import DayTradeError, SettingsError
from schema.events import TriggerChange
from schema.money import format_cents
from schema.outcomes import Side


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m consumers.triggers.what_if", description=__doc__.splitlines()[0])
    parser.add_argument("user")
    parser.add_argument("--prices", type=Path, required=True, help="CSV: time,symbol,price")
    asked = parser.parse_args()
    try:
        prices = _prices(asked.prices)
        orders = _orders(asked.user)
    except SettingsError as error:
        print(f"what-if: {error}", file=sys.stderr)
        return 2
    except DayTradeError as error:
        print(f"what-if: {error}", file=sys.stderr)
        return 1
    if not orders:
        print(f"{asked.user} has no armed trigger order.")
        return 0
    _show(*would_fire(orders, prices))
    return 0


def _prices(path: Path) -> list[PricePoint]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return read_prices(lines)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, DayTradeError) as error:
        raise SettingsError(f"{path}: {error}") from error


def _orders(user: str) -> list[TriggerChange]:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SettingsError("DATABASE_URL is not set: run `export $(make env)`")
    if not is_user(user):
        raise SettingsError(f"{user!r} is not a user id")
    connection = postgres.connect(url, "what-if")
    try:
        with postgres.translated():
            return store.armed_of(connection, user)
    finally:
        connection.close()


def _show(firings: list[Firing], quiet: list[Quiet]) -> None:
    for one in firings:
        print(f"{_of(one.order)}: fires at {format_time(one.at_ms)} at {format_cents(one.price_cents)}: {_result(one)}")
    for other in quiet:
        why = "no price of it is recorded"
        if other.closest is not None:
            why = f"closest was {format_cents(other.closest.price_cents)} at {format_time(other.closest.at_ms)}"
        print(f"{_of(other.order)}: does not fire; {why}")


def _of(order: Armed) -> str:
    bound = "at most" if order.side is Side.BUY else "at least"
    return f"{order.side} {order.symbol} at {bound} {format_cents(order.trigger_cents)}"


def _result(one: Firing) -> str:
    cash = format_cents(one.cash_cents)
    if one.order.side is Side.SELL:
        return f"{one.shares} shares sold, {cash} received"
    return f"{one.shares} shares bought, {cash} spent, {format_cents(one.back_cents)} of the reserve given back"


if __name__ == "__main__":
    entry_point.run("what-if", main)
