"""The wall clock, in the unit of messages and tables (spec §1). Pure code gets the time as an argument instead."""

import time


def now_ms() -> int:
    """Current time, ms since the epoch."""
    return time.time_ns() // 1_000_000
