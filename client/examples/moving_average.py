"""Moving-average bot: holds shares of a symbol while its short average is above its long one, and none otherwise.

    python moving_average.py ABC --shares 5 --rounds 60 --every 60

It begins with the prices that were paid for before, and gets one more each round. A price is good for 60 seconds, so a
shorter interval brings no newer one.
"""

import argparse
import time
from collections.abc import Sequence

from daytrade_client import Client
from daytrade_client.answers import CommandInfo


def wants_shares(prices: Sequence[int], short: int, long: int) -> bool | None:
    """Whether to hold shares after these prices, the newest last; None while there are too few."""
    if len(prices) < long:
        return None
    return sum(prices[-short:]) * long > sum(prices[-long:]) * short


def turn(client: Client, symbol: str, shares: int, prices: list[int], short: int, long: int) -> str:
    """One round: gets a price, and buys or sells if the averages say so. Returns what it did."""
    quote = client.get_price(symbol)
    if quote.price_cents is None:
        return f"no price: {quote.sentence}"
    prices.append(quote.price_cents)
    held = next((position.shares for position in client.positions() if position.symbol == symbol), 0)
    wanted = wants_shares(prices, short, long)
    if wanted and not held:
        order = client.buy(symbol, shares=shares)
        return _told(client.commit("buy", order.seq) if order.done else order)
    if wanted is False and held:
        (closed,) = client.close(symbol)
        return _told(closed.commit or closed.sell)
    return "waits" if wanted is None else f"keeps {held} shares"


def _told(info: CommandInfo) -> str:
    return f"{info.command} {info.status.value} {info.sentence or ''}".strip()


def main() -> None:
    parser = argparse.ArgumentParser(description="Trade by two moving averages.")
    parser.add_argument("symbol")
    parser.add_argument("--shares", type=int, default=1)
    parser.add_argument("--short", type=int, default=3)
    parser.add_argument("--long", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two rounds")
    given = parser.parse_args()
    with Client() as client:
        prices = [price.price_cents for price in client.prices(given.symbol)]
        for number in range(given.rounds):
            if number:
                time.sleep(given.every)
            print(turn(client, given.symbol, given.shares, prices, given.short, given.long), flush=True)


if __name__ == "__main__":
    main()
