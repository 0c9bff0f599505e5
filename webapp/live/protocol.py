"""Connections of the live updates: bounds on them before a request is there. uvicorn bounds only whole requests.

Without these, half requests would use up the process's file descriptors. Nothing here knows of people or streams.
"""

import asyncio
from collections import defaultdict

from uvicorn.protocols.http.h11_impl import H11Protocol

from webapp.addresses import network_of

REQUEST_SECONDS_MAX = 10.0
"""Longest time until a connection has brought a whole request, from its beginning or from its first new byte."""

UNFINISHED_EACH_MAX = 50
"""Maximum connections of one network that have brought no whole request; one more cuts off the oldest of them."""

CONNECTIONS_SPARE = 100
"""Connections beyond uvicorn's `limit_concurrency`, which are answered with 503; further ones are cut off."""


_unfinished: dict[str, dict["BoundedProtocol", None]] = defaultdict(dict)
"""Connections that have brought no whole request, by network, the oldest first. A process has one server."""


class BoundedProtocol(H11Protocol):
    """Connection that must bring a whole request in time. Used on the event loop only."""

    unfinished_each_max = UNFINISHED_EACH_MAX

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._network = network_of(self.client[0] if self.client else None)
        self._begin()
        if len(_unfinished[self._network]) > self.unfinished_each_max:
            oldest = next(iter(_unfinished[self._network]))
            oldest._end()
            oldest.transport.abort()
        if len(self.connections) > (self.limit_concurrency or 0) + CONNECTIONS_SPARE:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._end()
        else:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._deadline is None:
            _unfinished[self._network][self] = None
            self._deadline = self.loop.call_later(REQUEST_SECONDS_MAX, self.transport.abort)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
            del _unfinished[self._network][self]
            if not _unfinished[self._network]:
                del _unfinished[self._network]
