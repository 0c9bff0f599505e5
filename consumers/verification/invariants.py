"""What an invariant is, what a pass over some rows is, and what was found. Values only: no SQL of any check, no I/O."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invariant:
    """A sentence about rows, and the SQL expression that is true of every row for which it holds; null is a violation.

    `late`: it is about timeliness, which an outage may excuse (--allow-late). `named`: names a bad row to people in
    words of its own, where those of the pass would not do.
    """

    sentence: str
    holds: str
    late: bool = False
    named: str = ""


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
    """What came of an invariant. `first`: the first bad row by name, empty where there is none."""

    sentence: str
    looked: int
    violations: int
    seconds: float
    first: str = ""
    late: bool = False


def failed(finding: Finding, allow_late: bool) -> bool:
    """Whether this finding means that the database is not as it must be."""
    return finding.violations > 0 and not (finding.late and allow_late)
