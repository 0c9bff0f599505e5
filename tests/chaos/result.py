"""Result of a round as a value, for people and for the record. Judges nothing."""

from dataclasses import asdict, dataclass, field

from tests.chaos.recovery import Strike

REST = "comes to rest"
"""Name of the invariant that everything has its effect in time and the servers answer in the end."""

FIGURES = ("commands repeated", "audit entries repeated", "history rows")
"""Figures that every result has, even if nobody could count them."""


@dataclass
class RoundResult:
    """Result of a round. `violations`: every invariant that was checked → what violates it."""

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
        """Number of faults that had no effect and so prove nothing."""
        return sum(not strike.struck for strike in self.strikes)

    def as_json(self) -> dict:
        """Returns the record. It lists violated invariants only."""
        violations = {invariant: offenders for invariant, offenders in self.violations.items() if offenders}
        return asdict(self) | {"violations": violations}
