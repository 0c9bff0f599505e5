"""The site's HTTP server: waitress, with limits on how long a request may take to arrive and on connections.

Waitress reads requests and writes answers in one loop, and gives a thread only to a whole request. So no client can
hold a thread by sending or reading slowly, nor many at once with a burst (`webapp.turns`). Nothing here knows of the
site.
"""

import time
from collections import Counter
from collections.abc import Mapping
from socket import socket
from typing import cast

import waitress.task
from flask import Flask
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, TcpWSGIServer
from waitress.wasyncore import loop

from runtime.vitals import VITALS
from webapp.addresses import network_of
from webapp.turns import ClientTurns, Task

REQUEST_SECONDS_MAX = 20.0
"""Longest time from the first byte of a request to its last."""

IDLE_SECONDS_MAX = 30
"""Longest silence of a client, between two requests or while it has an answer to read."""

CHECK_SECONDS = 5
CONNECTIONS_MAX = 2_000
CONNECTIONS_EACH_MAX = 200
"""Maximum connections of one network; one more closes the one that was silent for longest.

Behind a proxy, which has limits of its own, all clients have one address, and this limit does not count.
"""

HEAD_BYTES_MAX = 32 * 1024
BODY_BYTES_MAX = 1024 * 1024
"""Maximum bytes of a request body that is read at all; `webapp.bodies` has the limit of those that are taken."""

BODY_BYTES_IN_MEMORY_MAX = 64 * 1024
"""Bytes of a request body beyond which it goes to a temporary file."""

DRAIN_SECONDS_MAX = 12.0
LOOP_SECONDS = 0.25
"""Longest wait of the loop for events, so that overdue turns end soon."""


Sockets = Mapping[int, socket]


class SiteChannel(HTTPChannel):
    """Connection of a client. `unfinished_since`: monotonic time of the first byte of a request that is not whole."""

    def __init__(
        self, server: BaseWSGIServer, sock: socket, addr: tuple[str, int], adj: Adjustments, map: Sockets | None = None
    ):
        assert isinstance(server, SiteServer), server
        self.network = network_of(addr[0])
        self.unfinished_since: float | None = None
        self._site = server
        super().__init__(server, sock, addr, adj, map=map)
        server.make_room(self.network)

    def received(self, data: bytes) -> bool:
        taken = super().received(data)
        if self.request is None:
            self.unfinished_since = None
        elif self.unfinished_since is None:
            self.unfinished_since = time.monotonic()
        return taken

    def add_channel(self, map: Sockets | None = None) -> None:
        super().add_channel(map)
        self._site.enter(self)

    def del_channel(self, map: Sockets | None = None) -> None:
        super().del_channel(map)
        self._site.leave(self)

    def is_overdue(self, now: float) -> bool:
        """Whether the client has taken too long to send its request, or to read an answer that a thread writes."""
        if self.unfinished_since is not None:
            return self.unfinished_since < now - REQUEST_SECONDS_MAX
        is_stuck = self.total_outbufs_len > self.adj.outbuf_high_watermark
        return is_stuck and bool(self.last_activity < time.time() - IDLE_SECONDS_MAX)


class SiteServer(TcpWSGIServer):
    """Server of one application. Only `stop` may be called while it runs."""

    channel_class = SiteChannel

    def __init__(
        self,
        app: Flask,
        host: str,
        port: int,
        threads: int,
        is_behind_proxy: bool,
        turns: ClientTurns,
        connections_max: int = CONNECTIONS_MAX,
    ):
        self._turns = turns
        self._channels: set[SiteChannel] = set()
        self._by_network: Counter[str] = Counter()
        self._each_max = connections_max if is_behind_proxy else min(CONNECTIONS_EACH_MAX, (connections_max + 1) // 2)
        self._sockets: Sockets = {}
        self._stopping = False
        adjustments = Adjustments(
            host=host,
            port=port,
            threads=threads,
            ident=None,
            backlog=CONNECTIONS_MAX,
            connection_limit=connections_max,
            cleanup_interval=CHECK_SECONDS,
            channel_timeout=IDLE_SECONDS_MAX,
            max_request_header_size=HEAD_BYTES_MAX,
            max_request_body_size=BODY_BYTES_MAX,
            inbuf_overflow=BODY_BYTES_IN_MEMORY_MAX,
            clear_untrusted_proxy_headers=False,  # the application believes as many of them as it is told to
            log_socket_errors=False,
            asyncore_use_poll=True,
        )
        super().__init__(app, map=self._sockets, adj=adjustments)

    def add_task(self, task: object) -> None:
        """Queues the first request of a connection for the threads, when its client's turn comes.

        Clients are told apart by what they log in with. A client that changes this with each request has no turns, like
        one without a login.
        """
        assert isinstance(task, SiteChannel), task
        headers = task.requests[0].headers
        client = headers.get("AUTHORIZATION") or headers.get("COOKIE")
        if client is None:
            self._start(task)
        else:
            self._turns.enter(client, task, self._start)

    def _start(self, task: Task) -> None:
        self.task_dispatcher.add_task(cast(waitress.task.Task, task))  # its types are narrower than what it takes

    def enter(self, channel: SiteChannel) -> None:
        self._channels.add(channel)
        self._by_network[channel.network] += 1

    def leave(self, channel: SiteChannel) -> None:
        if channel in self._channels:
            self._channels.remove(channel)
            self._by_network[channel.network] -= 1
            if not self._by_network[channel.network]:
                del self._by_network[channel.network]

    def make_room(self, network: str) -> None:
        """Closes the connection of this network that has been silent for longest, if it has more than it may have."""
        if self._by_network[network] > self._each_max:
            own = [channel for channel in self._channels if channel.network == network and not channel.requests]
            min(own, key=lambda channel: channel.last_activity).will_close = True

    def maintenance(self, now: float) -> None:
        super().maintenance(int(now))
        for channel in self._channels:
            if channel.is_overdue(time.monotonic()):
                channel.will_close = True

    def stop(self) -> None:
        """Makes `run` answer the requests that have arrived, and return. For signal handlers."""
        self._stopping = True
        self.pull_trigger()

    def run(self) -> None:
        while not self._stopping:
            self._wait_once()
        self._stop_listening()
        ends_at = time.monotonic() + DRAIN_SECONDS_MAX
        while self._channels and time.monotonic() < ends_at:
            for channel in self._channels:
                if not channel.requests and not channel.total_outbufs_len:
                    channel.will_close = True
            self._wait_once()
        self.task_dispatcher.shutdown(timeout=1)

    def _wait_once(self) -> None:
        VITALS.turned()
        loop(timeout=LOOP_SECONDS, use_poll=True, map=self._sockets, count=1)
        self._turns.end_overdue()

    def _stop_listening(self) -> None:
        self.accepting = False
        self.del_channel()
        assert self.socket is not None, "it listens"
        self.socket.close()
