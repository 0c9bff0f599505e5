"""Export of your history, and of one symbol's prices, to files that pandas reads; with pandas, a summary as well.

python export_to_pandas.py folder --symbol ABC
"""

import argparse
import csv
import importlib
import importlib.util
from collections.abc import Iterable
from pathlib import Path

import msgspec
from daytrade_client import Client, HistoryEntry, PriceInfo


def write(file: Path, kind: type[msgspec.Struct], rows: Iterable[msgspec.Struct]) -> int:
    """Writes rows as CSV, with a column for each field. Returns their number."""
    count = 0
    with file.open("w", newline="", encoding="utf-8") as out:
        lines = csv.writer(out)
        lines.writerow(kind.__struct_fields__)
        for row in rows:
            lines.writerow(msgspec.structs.astuple(row))
            count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Export history and prices.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--symbol", help="also export this symbol's prices")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    history = given.folder / "history.csv"
    with Client() as client:
        print(f"{write(history, HistoryEntry, client.history())} rows in {history}")
        if given.symbol:
            prices = given.folder / f"prices-{given.symbol.upper()}.csv"
            print(f"{write(prices, PriceInfo, client.prices(given.symbol))} prices in {prices}")
    if importlib.util.find_spec("pandas"):
        frame = importlib.import_module("pandas").read_csv(history)
        print(frame.groupby(["command", "outcome"]).size())
    else:
        print(f"pandas is not installed; with it: pandas.read_csv({str(history)!r})")


if __name__ == "__main__":
    main()
