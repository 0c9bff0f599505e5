"""`python -m webapp.live`: the live updates, until SIGTERM. Settings and wiring only."""

import asyncio
import os
import socket
import sys
from dataclasses import replace
from types import FrameType

import structlog
import uvicorn

from runtime import entry_point
from runtime.log_setup import set_up_logging
from schema.errors import SettingsError
from webapp.live import monitoring
from webapp.live.hub import Hub
from webapp.live.protocol import BoundedProtocol
from webapp.live.server import create_server
from webapp.open_files import connections_possible
from webapp.settings import from_environment

BACKLOG = 2_048
"""Connections the kernel queues: after a restart all pages reconnect at once."""

END_SECONDS_MAX = 3
STREAMS_SPARE = 50
"""Connections in addition to one per stream: requests that are being answered. More are answered with 503."""

FILES_SPARE = 300
"""File descriptors in addition to one per stream, more than there can be connections (`webapp.live.protocol`)."""

log = structlog.get_logger()


ABOUT = """
Usage: python -m webapp.live

Serves live updates of the site's pages on LIVE_PORT, until SIGTERM.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
webapp/settings.py and schema/settings.py list all.
"""


class LiveServer(uvicorn.Server):
    """Ends the streams on a signal to exit; they would never end by themselves."""

    def __init__(self, config: uvicorn.Config, hub: Hub):
        super().__init__(config)
        self._hub = hub
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # Replaces uvicorn's, which raises the signal again at the end: that would be no clean exit.
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._hub.stop)


def main() -> int:
    try:
        settings = from_environment(os.environ)
        possible = connections_possible(settings.streams_max, FILES_SPARE)
    except SettingsError as error:
        print(f"live: {error}", file=sys.stderr)
        return 2
    set_up_logging(settings.base.log_level, settings.base.replica, is_bounded=True)
    if possible < settings.streams_max:
        log.warning("fewer streams than LIVE_STREAMS_MAX: the limit on open files (ulimit -n) is low", streams=possible)
    if settings.proxies:
        BoundedProtocol.unfinished_each_max = possible
    app, hub = create_server(replace(settings, streams_max=possible))
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.live_port,
        http=BoundedProtocol,
        limit_concurrency=possible + STREAMS_SPARE,
        ws="none",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=END_SECONDS_MAX,
    )
    monitoring.watch(settings, hub)
    LiveServer(config, hub).run()
    return 0


if __name__ == "__main__":
    entry_point.run_process("live updates", main, ABOUT)
