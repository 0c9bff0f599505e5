"""The processes' own clock, in ms since the epoch (spec §1). The pure cores never see it: time is their argument."""

import structlog

from runtime.wall_clock import now_ms
from schema.events import CLOCK_STEP_MS_MAX

log = structlog.get_logger()


class Clock:
    """Wall-clock time that does not go back where the host's clock is set back a little.

    Where it is set back further, or somebody's clock was far ahead before, the wall is followed: to stand still until
    it catches up would mean no quote and no expiry for as long.
    """

    def __init__(self) -> None:
        self._newest_ms = 0

    def not_before(self, at_ms: int) -> None:
        """Takes into account what was decided at this time, perhaps elsewhere."""
        self._newest_ms = max(self._newest_ms, at_ms)

    def now_ms(self) -> int:
        """The time, ms since the epoch."""
        wall = now_ms()
        if self._newest_ms - wall > CLOCK_STEP_MS_MAX:
            log.warning("the clock went back", by_ms=self._newest_ms - wall)
            self._newest_ms = wall
        self._newest_ms = max(self._newest_ms, wall)
        return self._newest_ms
