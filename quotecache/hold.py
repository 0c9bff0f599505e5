"""Whether this process surely still owns the quote cache, by nothing but its own clock. No I/O.

A request to the legacy server cannot be fenced: once sent, it is paid. A process that was stopped between putting a
fetch on record and sending it may wake when another one owns the quote cache and has asked for the same symbol. So
each request is sent only if the lease was renewed a short while ago.
"""

import time

from quotecache.store import LEASE_MS

SURE_SECONDS = LEASE_MS / 2 / 1_000
"""After a renewal. Nobody can take over before a whole lease has passed: what is left of it is room for a process
that is stopped between looking and sending, and for clocks that do not run alike.
"""


class Hold:
    """Written by the thread that renews the lease, read by the one that sends. The clock runs on while stopped."""

    def __init__(self, renewed_at: float):
        self._renewed_at = renewed_at

    def renewed(self, at: float) -> None:
        """`at`: `time.monotonic()` before the renewal was begun, as the lease counts from no earlier."""
        self._renewed_at = at

    def is_sure(self) -> bool:
        return time.monotonic() - self._renewed_at <= SURE_SECONDS
