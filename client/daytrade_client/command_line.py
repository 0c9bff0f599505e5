"""The command line `daytrade`: trading from a shell, one verb for each thing to do."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from daytrade_client import calls, logged_in
from daytrade_client.answers import CommandInfo, HistoryEntry
from daytrade_client.exchange import Place
from daytrade_client.refusals import DaytradeError
from daytrade_client.synchronous import Client

TOKEN_NAME = "daytrade command line"

app = typer.Typer(help="Trade with Day Trade from a shell.", no_args_is_help=True, add_completion=False)

Shares = Annotated[int | None, typer.Option(help="Number of shares.")]
Amount = Annotated[str | None, typer.Option(help='Dollars, such as "100.00".')]
Commits = Annotated[bool, typer.Option("--commit", help="Commit the order at once.")]
Count = Annotated[int, typer.Option(min=0, help="End after so many; 0: never.")]


@app.command()
def login(
    url: Annotated[str, typer.Argument(help="Address of the site, such as https://trade.example.")],
    user: Annotated[str, typer.Option(prompt=True)],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="DAYTRADE_PASSWORD")],
) -> None:
    """Get a token for your name and password, and keep it for the other verbs."""
    with Client(url) as client:
        created = client.send(calls.token(user, password, TOKEN_NAME))
    print(f"logged in as {user}; the token is kept in {logged_in.keep(Place(url, created.token))}")


@app.command()
def quote(symbol: str) -> None:
    """Get a price that an order can use for 60 seconds; it may cost one of your paid quotes."""
    with Client() as client:
        _tell(client.get_price(symbol))


@app.command()
def buy(symbol: str, shares: Shares = None, amount: Amount = None, commit: Commits = False) -> None:
    """Buy shares, or for an amount; the order is pending for 60 seconds unless committed."""
    with Client() as client:
        bought = client.buy(symbol, shares, amount)
        _tell(bought)
        if commit:
            _tell(client.commit("buy", bought.seq))


@app.command()
def sell(symbol: str, shares: Shares = None, amount: Amount = None, commit: Commits = False) -> None:
    """Sell shares, or for an amount; the order is pending for 60 seconds unless committed."""
    with Client() as client:
        sold = client.sell(symbol, shares, amount)
        _tell(sold)
        if commit:
            _tell(client.commit("sell", sold.seq))


@app.command()
def commit(side: Annotated[str, typer.Argument(help="buy or sell")], order: int | None = None) -> None:
    """Commit the newest pending order of a side; with --order, only if that is the newest."""
    if side not in ("buy", "sell"):
        raise typer.BadParameter("the side is buy or sell")
    with Client() as client:
        _tell(client.commit("buy" if side == "buy" else "sell", order))


@app.command()
def watch(symbols: list[str], count: Count = 0) -> None:
    """Print the prices of symbols as they come."""
    with Client() as client:
        prices = (event.price for event in client.stream(symbols) if event.price is not None)
        wanted = {symbol.upper() for symbol in symbols}
        for number, (symbol, cents) in enumerate((one for one in prices if one[0] in wanted), start=1):
            print(f"{symbol} {dollars(cents)}", flush=True)
            if number == count:
                return


@app.command()
def history(count: Count = 20) -> None:
    """Print the newest rows of your history."""
    with Client() as client:
        for number, entry in enumerate(client.history(), start=1):
            print(_line(entry))
            if number == count:
                return


@app.command()
def stream(count: Count = 0, after: Annotated[int | None, typer.Option(help="Begin after this row.")] = None) -> None:
    """Print outcomes, fills and expiries as they come, one JSON object on a line."""
    with Client() as client:
        rows = (event for event in client.stream(after=after) if event.entry is not None)
        for number, event in enumerate(rows, start=1):
            print(bytes(event.data).decode(), flush=True)
            if number == count:
                return


def dollars(cents: int) -> str:
    """Dollars with two decimals."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _tell(info: CommandInfo) -> None:
    """Prints a command's outcome. Ends the program with 1 if it is not done."""
    words = [f"{info.command} {info.status.value}"]
    words += [info.symbol] if info.symbol else []
    words += [f"{info.shares} shares"] if info.shares is not None else []
    words += [f"at {dollars(info.price_cents)}"] if info.price_cents is not None else []
    words += [f"(order {info.seq})"] if info.seq is not None and info.command in ("BUY", "SELL") else []
    words += [f"- {info.sentence}"] if info.sentence else []
    print(" ".join(words), file=sys.stdout if info.done else sys.stderr)
    if not info.done:
        raise typer.Exit(1)


def _line(entry: HistoryEntry) -> str:
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    parts = [str(entry.seq), at, entry.kind, entry.command, entry.symbol or "-", entry.reason or entry.outcome]
    return "  ".join([*parts, dollars(entry.cash_delta_cents)])


@contextmanager
def _failures() -> Iterator[None]:
    """Turns a failure into one line on standard error and exit code 2."""
    try:
        yield
    except (DaytradeError, ValueError) as error:
        print(f"daytrade: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def main() -> None:
    with _failures():
        app()


if __name__ == "__main__":
    main()
