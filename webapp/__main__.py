"""`python -m webapp`: the site under gunicorn, until SIGTERM. Settings and wiring only.

One worker process with many threads, so that one gateway publishes all commands, rate limits are counted in one place,
and each person's commands keep their order. `webapp.live` runs beside it as a process of its own.
"""

import os
import socket
import sys
from collections.abc import Iterable

from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.config import Chdir

from runtime import entry_point
from runtime.log_setup import set_up_logging
from schema.errors import SettingsError
from webapp import close_app, create_app
from webapp.settings import WebSettings, from_environment
from webapp.worker import SiteWorker

REQUEST_SECONDS_MAX = 30
"""gunicorn replaces a worker that is silent for this long; a request waits at most 10 s for an outcome."""

DRAIN_SECONDS_MAX = 12
KEEP_ALIVE_SECONDS = 15
CONNECTIONS_MAX = 2_000

UNUSED_SECONDS_MAX = 15
"""Seconds for which the kernel holds back a new connection that has brought no bytes yet."""

ABOUT = """
Usage: python -m webapp

Serves the site on WEB_PORT, until SIGTERM. `python -m webapp.live` serves its live updates.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
webapp/settings.py and schema/settings.py list all.
"""

# gunicorn strips blanks from the end of this setting; its default, the full name of the folder, may end with one.
Chdir.default = "."


class SiteServer(BaseApplication):
    """Tells gunicorn what to serve. The application is made in the worker: threads do not survive a fork."""

    def __init__(self, settings: WebSettings):
        self._settings = settings
        self._app: Flask | None = None
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": f"{self._settings.host}:{self._settings.port}",
            "workers": 1,
            "worker_class": SiteWorker,
            "threads": self._settings.threads,
            "worker_connections": CONNECTIONS_MAX,
            "timeout": REQUEST_SECONDS_MAX,
            "graceful_timeout": DRAIN_SECONDS_MAX,
            "keepalive": KEEP_ALIVE_SECONDS,
            "proc_name": "webapp",
            "control_socket_disable": True,
            "when_ready": lambda arbiter: _take_with_first_bytes(arbiter.LISTENERS),
            "worker_exit": lambda _arbiter, _worker: self._close(),
        }
        for name, value in chosen.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:  # type: ignore[override]  # to the stub, a WSGI application returns a list of bytes
        self._app = create_app(self._settings)
        return self._app

    def _close(self) -> None:
        if self._app is not None:
            close_app(self._app)


def _take_with_first_bytes(listeners: Iterable[socket.socket]) -> None:
    """Makes the kernel hand over a connection only once its first bytes have arrived.

    Browsers open connections in advance and may never use them; gunicorn would give each of them a thread for 5 s.
    """
    for listener in listeners:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, UNUSED_SECONDS_MAX)


def main() -> int:
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(f"webapp: {error}", file=sys.stderr)
        return 2
    set_up_logging(settings.base.log_level, settings.base.replica)
    SiteServer(settings).run()
    return 0


if __name__ == "__main__":
    entry_point.run_process("webapp", main, ABOUT)
