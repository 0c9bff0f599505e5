"""Commands that a round sends: the lines of its workload and the prober's commands.

Has a reader of lines of its own, so that the judges do not depend on the project's reader. Pure but for reading the
file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from schema.commands import command_id

USER, SYMBOL, CENTS, FILENAME = "user", "symbol", "cents", "filename"

ARGUMENTS = {
    "ADD": (USER, CENTS),
    "QUOTE": (USER, SYMBOL),
    **dict.fromkeys(("BUY", "SELL", "SET_BUY_AMOUNT", "SET_SELL_AMOUNT"), (USER, SYMBOL, CENTS)),
    **dict.fromkeys(("SET_BUY_TRIGGER", "SET_SELL_TRIGGER"), (USER, SYMBOL, CENTS)),
    **dict.fromkeys(("CANCEL_SET_BUY", "CANCEL_SET_SELL"), (USER, SYMBOL)),
    **dict.fromkeys(("COMMIT_BUY", "CANCEL_BUY", "COMMIT_SELL", "CANCEL_SELL", "DISPLAY_SUMMARY"), (USER,)),
    "DUMPLOG": (FILENAME,),
}
"""Arguments of each command, in order. All lines are well-formed (spec §2); only the prober dumps a user's log."""


@dataclass(frozen=True)
class WorkloadCommand:
    """Command as it was sent; None for an argument it does not have. `number`: its transaction number."""

    number: int
    name: str
    user: str | None = None
    symbol: str | None = None
    cents: int | None = None
    filename: str | None = None


def read_lines(workload: Path) -> list[WorkloadCommand]:
    """Reads the commands of a round's workload, line by line."""
    return [_read(line) for line in workload.read_text().splitlines()]


def by_id(given: list[WorkloadCommand], source: int) -> Mapping[bytes, WorkloadCommand]:
    """Returns a publisher's commands by their ids, which count from 1."""
    return {command_id(source, place): one for place, one in enumerate(given, start=1)}


def _read(line: str) -> WorkloadCommand:
    number, _, body = line.partition("] ")
    name, *arguments = body.split(",")
    values = dict(zip(ARGUMENTS[name], map(str.strip, arguments), strict=True))
    if CENTS in values:
        values[CENTS] = int(Decimal(values[CENTS]) * 100)
    return WorkloadCommand(int(number.removeprefix("[")), name, **values)
