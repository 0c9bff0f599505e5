"""The processes' own clock, in ms since the epoch (spec §1). The pure cores never see it: time is their argument."""

import time


def now_ms() -> int:
    """Wall-clock time, ms since the epoch."""
    return time.time_ns() // 1_000_000
