"""Times at which failed dumps are tried again. Pure: no clock, no randomness and no I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.5, 30.0


@dataclass
class _Attempts:
    number: int
    pause_seconds: float
    due: float


class Retries:
    """Failed attempts, counted for each dump alone: one dump's failures do not change how often others are tried.

    All times are seconds of the same clock, whichever it is.
    """

    def __init__(self) -> None:
        self._failed: dict[str, _Attempts] = {}

    def is_due(self, dump_id: str, now: float) -> bool:
        """Whether it is time to try this dump; always true for one that never failed."""
        attempts = self._failed.get(dump_id)
        return attempts is None or attempts.due <= now

    def failed(self, dump_id: str, now: float) -> int:
        """Notes a failed attempt, and doubles the pause before the next one. Returns how many have failed by now."""
        attempts = self._failed.setdefault(dump_id, _Attempts(0, PAUSE_SECONDS_FIRST / 2, now))
        attempts.number += 1
        attempts.pause_seconds = min(attempts.pause_seconds * 2, PAUSE_SECONDS_MAX)
        attempts.due = now + attempts.pause_seconds
        return attempts.number

    def keep(self, dump_ids: Iterable[str]) -> None:
        """Forgets the attempts of all dumps but these."""
        self._failed = {dump_id: self._failed[dump_id] for dump_id in dump_ids if dump_id in self._failed}

    def next_due(self) -> float | None:
        """Time of the next attempt at any failed dump; None if there is none."""
        return min((attempts.due for attempts in self._failed.values()), default=None)
