"""What an invariant is, what a pass over some rows is, and what was found. Values only: no SQL of any check, no I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import psycopg


@dataclass(frozen=True)
class Weighed:
    """What came of the rows of which an invariant does not hold at first sight.

    `violations`: how many of them violate it; `first`: the first of these by name; `note`: for people, of the others.
    """

    violations: int
    first: str = ""
    note: str = ""


Weigh = Callable[[psycopg.Connection, Iterable[tuple[Any, ...]]], Weighed]


@dataclass(frozen=True)
class Invariant:
    """A sentence about rows, and the SQL expression that is true of every row for which it holds; null is a violation.

    `named`: names a bad row to people in words of its own, where those of the pass would not do. `weigh`: judges the
    rows for which the expression is not true, where that takes more than they hold: it gets their names, and the
    columns `weighed`.
    """

    sentence: str
    holds: str
    named: str = ""
    weigh: Weigh | None = None
    weighed: str = ""


@dataclass(frozen=True)
class Pass:
    """Invariants that are judged in one go over the same rows.

    `rows`: a query; its column `looked` says how many rows of the database one of its rows stands for. `named`: the
    SQL expression that names one of its rows to people; `order`: which of several is named first. `hashed`: Postgres
    must group by hashing, not by sorting or along an index. It knows too little of the groups to choose well.
    """

    name: str
    rows: str
    named: str
    order: str
    invariants: tuple[Invariant, ...]
    hashed: bool = False


@dataclass(frozen=True)
class Finding:
    """What came of an invariant. `first`: the first bad row by name, empty where there is none.

    `note`: what people should know besides.
    """

    sentence: str
    looked: int
    violations: int
    seconds: float
    first: str = ""
    note: str = ""
