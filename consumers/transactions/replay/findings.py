"""Findings of a replay: kinds of disagreement, the count of each, and the first of each. No I/O, no judgement."""

import enum
from dataclasses import dataclass, field


class Kind(enum.StrEnum):
    """Ways in which streams, history and engine can disagree. Each is a violation."""

    MISMATCH = "decided differently than recorded"
    OUT_OF_ORDER = "executed in another order than the stream's"
    UNKNOWN = "in the history, but in no stream"
    LOST = "read in a stream, but missing in the history"
    GAP = "numbers missing in a user's history"


@dataclass
class Findings:
    """Counts of what a replay found.

    `void_by_age`: fills that were void only if their quote expired before they were taken. No record tells whether it
    did. `duplicates`: further copies of commands. `undecodable`: undecodable messages.
    """

    commands: int = 0
    fills: int = 0
    expiries: int = 0
    void_fills: int = 0
    void_by_age: int = 0
    not_yet_executed: int = 0
    duplicates: int = 0
    undecodable: int = 0
    violations: dict[Kind, int] = field(default_factory=dict)
    first: dict[Kind, str] = field(default_factory=dict)

    def note(self, kind: Kind, what: str) -> None:
        """Counts one more violation; `what` describes it."""
        self.violations[kind] = self.violations.get(kind, 0) + 1
        self.first.setdefault(kind, what)

    @property
    def rows(self) -> int:
        """Number of history rows recomputed."""
        return self.commands + self.fills + self.expiries
