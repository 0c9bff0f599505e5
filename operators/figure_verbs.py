"""Verbs that show figures: alarms, quotes-today, price-history, what-if. Wiring only.

They read, and change nothing.
"""

from pathlib import Path
from typing import Annotated

import typer

from operators.verb import MISUSED, verb


def add_to(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    verb(app, "alarms")(alarms)
    verb(app, "quotes-today", failed=MISUSED)(quotes_today)
    verb(app, "price-history")(price_history)
    verb(app, "what-if")(what_if)


def alarms() -> None:
    """List the audit sources that have stopped. Prints nothing if none has."""
    from consumers.audit.alarms import alarms as stopped
    from operators import given_servers

    for line in stopped(given_servers.setting("DATABASE_URL")):
        print(line)


def quotes_today() -> None:
    """Show today's quotes, what they cost, and the least possible cost. A day begins at midnight UTC.

    Exit codes: 0 shown, 2 not shown.
    """
    import contextlib
    import os
    from datetime import UTC, datetime

    from database.retrying import RetryingDatabase
    from loadtest import quote_figures
    from schema import settings

    chosen = settings.from_environment(os.environ)
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with contextlib.closing(RetryingDatabase(chosen.database_url, patience_seconds=0)) as database:
        figures = quote_figures.since(database, int(midnight.timestamp() * 1000), chosen.quote_cost_cents)
    print(f"Quotes today: {quote_figures.sentence(figures)}")


def price_history(
    symbol: Annotated[str, typer.Argument(help="1 to 3 letters")],
    begin: Annotated[str, typer.Option("--from", help="ISO 8601 (UTC) or ms since the epoch")] = "1970-01-01",
    end: Annotated[str, typer.Option("--to", help="end of the range, in the same form; not included")] = "9999-12-31",
) -> None:
    """Print the paid prices of a symbol as CSV. QUOTE_SOURCE and the verb what-if read this format.

    Exit codes: 0 printed, 1 nothing has run or Postgres cannot be reached, 2 misused.
    """
    import itertools

    from operators import given_servers
    from quotecache.price_history import price_history as paid_prices
    from runtime.price_file import HEADING, format_time, parse_time
    from schema.commands import is_symbol
    from schema.errors import SettingsError
    from schema.money import format_cents

    symbol = symbol.upper()
    if not is_symbol(symbol):
        raise SettingsError(f"{symbol!r} is not a symbol: 1 to 3 letters")
    try:
        bounds = parse_time(begin), parse_time(end)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    with given_servers.database("price-history") as connection:
        points = paid_prices(connection, symbol, *bounds)
        first = next(points, None)
        if first is None:
            given_servers.require_a_run(connection)
        print(",".join(HEADING))
        for point in itertools.chain([first] if first else [], points):
            print(f"{format_time(point.at_ms)},{symbol},{format_cents(point.price_cents)}")


def what_if(
    user: Annotated[str, typer.Argument(help="user id")],
    prices: Annotated[Path, typer.Option("--prices", help="CSV: time,symbol,price")],
) -> None:
    """Show which trigger orders recorded prices would fire. Fires nothing.

    Exit codes: 0 shown, 1 nothing has run or Postgres cannot be reached, 2 misused.
    """
    from consumers.triggers import store
    from consumers.triggers import what_if as trial
    from operators import given_servers
    from schema.commands import is_user
    from schema.errors import SettingsError

    points = trial.recorded_prices(prices)
    given_servers.setting("DATABASE_URL")
    if not is_user(user):
        raise SettingsError(f"{user!r} is not a user id")
    with given_servers.database("what-if") as connection:
        orders = store.armed_of(connection, user)
        if not orders:
            given_servers.require_a_run(connection)
    if not orders:
        print(f"{user} has no armed trigger order.")
    for line in trial.as_lines(orders, points):
        print(line)
