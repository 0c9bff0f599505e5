"""The wall's clock, in the one unit that messages and tables have (spec §1). No core sees it: time is an argument."""

import time


def now_ms() -> int:
    """ms since the epoch."""
    return time.time_ns() // 1_000_000
