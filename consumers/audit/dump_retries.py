"""When a dump that could not be written is tried again. Pure: no clock, no randomness and no I/O."""

from collections.abc import Iterable
from dataclasses import dataclass

PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.5, 30.0


@dataclass
class _Attempts:
    number: int
    pause_seconds: float
    due: float


class Retries:
    """Attempts that failed, each dump's on its own: the others are not tried less often for it, nor more often.

    Times are seconds of one clock, whichever.
    """

    def __init__(self) -> None:
        self._failed: dict[str, _Attempts] = {}

    def is_due(self, dump_id: str, now: float) -> bool:
        """Whether it is time to try this one; always for one that never failed."""
        attempts = self._failed.get(dump_id)
        return attempts is None or attempts.due <= now

    def failed(self, dump_id: str, now: float) -> int:
        """Notes an attempt that failed; returns how many have by now. The pause doubles each time."""
        attempts = self._failed.setdefault(dump_id, _Attempts(0, PAUSE_SECONDS_FIRST / 2, now))
        attempts.number += 1
        attempts.pause_seconds = min(attempts.pause_seconds * 2, PAUSE_SECONDS_MAX)
        attempts.due = now + attempts.pause_seconds
        return attempts.number

    def keep(self, dump_ids: Iterable[str]) -> None:
        """Forgets all but these."""
        self._failed = {dump_id: self._failed[dump_id] for dump_id in dump_ids if dump_id in self._failed}

    def next_due(self) -> float | None:
        """When one of those that failed is to be tried next; None where there is none."""
        return min((attempts.due for attempts in self._failed.values()), default=None)
