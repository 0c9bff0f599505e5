"""What came of a round, as a value: for people, and for the record. Judges nothing."""

from dataclasses import asdict, dataclass, field

from tests.chaos.recovery import Strike

REST = "comes to rest"
"""The invariant that everything has its effect in time, and the servers answer in the end."""

FIGURES = ("commands repeated", "audit entries repeated", "history rows")
"""Those that are always there, though nobody could count."""


@dataclass
class Result:
    """What came of a round. `violations`: invariant → offenders, all invariants that were looked at."""

    seed: int
    seconds: float
    strikes: list[Strike]
    violations: dict[str, list[str]]
    figures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FIGURES, 0))
    left_out: list[str] = field(default_factory=list)

    @property
    def violated(self) -> int:
        return sum(map(len, self.violations.values()))

    @property
    def missed(self) -> int:
        """Faults that had no effect: they show nothing."""
        return sum(not strike.struck for strike in self.strikes)

    def as_json(self) -> dict:
        """For the record: of the invariants, those that were violated."""
        violations = {invariant: offenders for invariant, offenders in self.violations.items() if offenders}
        return asdict(self) | {"violations": violations}
