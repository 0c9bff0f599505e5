"""Trigger ladder: buys a symbol step by step while its price falls.

    python trigger_ladder.py ABC --first 20.00 --step 1.00 --rungs 5 --amount 500.00

It arms a buy trigger at the first price. When that has fired, it arms the next one a step lower. It learns of the fills
from the stream, which continues after the last row that has come, so a lost connection loses no fill.
"""

import argparse
from decimal import Decimal

from daytrade_client import Client


def climb(client: Client, symbol: str, prices: list[Decimal], amount: str) -> list[int]:
    """Arms one rung after another, each when the one before has fired. Returns the shares that each fill bought."""
    bought = []
    seq = client.account().seq
    for price in prices:
        for result in client.arm("buy", symbol, amount, f"{price:.2f}"):
            if result.outcome is None or not result.outcome.done:
                raise SystemExit(f"rung {price}: {result.outcome.sentence if result.outcome else result.problem}")
        print(f"armed at {price:.2f}", flush=True)
        for event in client.stream([symbol], after=seq):
            seq = event.last_seq
            if event.name == "fill" and event.entry is not None and event.entry.symbol == symbol:
                bought.append(event.entry.shares_delta)
                print(f"bought {event.entry.shares_delta} shares", flush=True)
                break
    return bought


def main() -> None:
    parser = argparse.ArgumentParser(description="Buy step by step while a price falls.")
    parser.add_argument("symbol")
    parser.add_argument("--first", type=Decimal, required=True, help="price of the first rung")
    parser.add_argument("--step", type=Decimal, default=Decimal("1.00"))
    parser.add_argument("--rungs", type=int, default=5)
    parser.add_argument("--amount", default="500.00", help="dollars of each rung")
    given = parser.parse_args()
    prices = [given.first - number * given.step for number in range(given.rungs)]
    with Client() as client:
        shares = sum(climb(client, given.symbol.upper(), prices, given.amount))
    print(f"the ladder bought {shares} shares")


if __name__ == "__main__":
    main()
