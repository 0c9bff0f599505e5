"""Values of verification: invariants, passes over rows, findings. No SQL of any check, no I/O."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow


@dataclass(frozen=True)
class Weighed:
    """Judgement on the rows for which the SQL expression of an invariant is not true.

    `violations`: number of rows that violate the invariant; `first`: the name of the first of them; `note`: text for
    people about the other rows.
    """

    violations: int
    first: str = ""
    note: str = ""


Weigh = Callable[[psycopg.Connection, Iterable[TupleRow]], Weighed]


@dataclass(frozen=True)
class Invariant:
    """A sentence about rows, and an SQL expression that is true for each row that keeps it; null is a violation.

    `named`: SQL expression that names a bad row to people, if that of the pass does not suit. `weigh`: function that
    judges the rows for which the expression is not true, if the rows alone do not decide; it gets their names and the
    columns `weighed`.
    """

    sentence: str
    holds: str
    named: str = ""
    weigh: Weigh | None = None
    weighed: str = ""


@dataclass(frozen=True)
class Pass:
    """Invariants that one query judges over the same rows.

    `rows`: the query; its column `looked` is the number of rows of the database that one of its rows covers. `named`:
    SQL expression that names one of its rows to people; `order`: sort order, by which the first bad row is named.
    `hashed`: forces Postgres to group by hashing, not by sorting or along an index, as it knows too little about the
    groups to choose well.
    """

    name: str
    rows: str
    named: str
    order: str
    invariants: tuple[Invariant, ...]
    hashed: bool = False


@dataclass(frozen=True)
class Finding:
    """Result for one invariant. `first`: the name of the first bad row, empty if there is none.

    `note`: further text for people.
    """

    sentence: str
    looked: int
    violations: int
    seconds: float
    first: str = ""
    note: str = ""
