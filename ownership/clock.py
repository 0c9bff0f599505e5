"""Clock of a process, in ms since the epoch (spec §1). The pure cores never read it: they get time as an argument."""

import structlog

from runtime.wall_clock import now_ms
from schema.events import CLOCK_STEP_MS_MAX

log = structlog.get_logger()


class Clock:
    """Wall-clock time that does not go back when the host's clock is set back by at most `CLOCK_STEP_MS_MAX`.

    After a larger step back, or after another host's clock was far ahead, this clock follows the wall clock down.
    If it stood still until the wall clock caught up, there would be no quote and no expiry for that long.
    """

    def __init__(self) -> None:
        self._newest_ms = 0

    def not_before(self, at_ms: int) -> None:
        """Raises the clock to this time, at which a decision was made, perhaps on another host."""
        self._newest_ms = max(self._newest_ms, at_ms)

    def now_ms(self) -> int:
        """Current time in ms since the epoch."""
        wall = now_ms()
        if self._newest_ms - wall > CLOCK_STEP_MS_MAX:
            log.warning("the clock stepped back", by_ms=self._newest_ms - wall)
            self._newest_ms = wall
        self._newest_ms = max(self._newest_ms, wall)
        return self._newest_ms
