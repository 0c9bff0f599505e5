"""Check that this process certainly still owns the quote cache, from its own clock alone. No I/O.

A request to the legacy server cannot be fenced: once sent, it is paid. A process may be suspended after it recorded a
fetch and before it sent it. When it wakes, another process may own the quote cache and have requested the same
symbol. So the owner sends a request only if it renewed its lease a short while ago.
"""

import time

from quotecache.store import LEASE_MS

SURE_SECONDS = LEASE_MS / 2 / 1_000
"""Seconds after a renewal during which requests may be sent. No takeover happens before a whole lease has passed; the
other half of the lease covers a process suspended between this check and the send, and clocks of different speed.
"""


class LeaseGuard:
    """Time of the last renewal: one thread renews the lease, another sends. The clock also runs while suspended."""

    def __init__(self, renewed_at: float):
        self._renewed_at = renewed_at

    def renewed(self, at: float) -> None:
        """Notes a renewal. `at` is `time.monotonic()` from before it began: the lease counts from then or later."""
        self._renewed_at = at

    def is_sure(self) -> bool:
        return time.monotonic() - self._renewed_at <= SURE_SECONDS
