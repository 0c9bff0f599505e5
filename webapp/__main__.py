"""`python -m webapp`: the site, until SIGTERM. Settings and wiring only.

One process with many threads, so that one gateway publishes all commands, limits are counted in one place, and each
person's commands keep their order. `webapp.live` runs beside it as a process of its own.
"""

import logging
import os
import signal
import sys

import structlog

from runtime import entry_point
from runtime.log_setup import set_up_logging
from schema.errors import SettingsError
from webapp import close_app, create_app, monitoring
from webapp.http_server import CONNECTIONS_MAX, SiteServer
from webapp.open_files import connections_possible
from webapp.settings import from_environment
from webapp.site import EXTENSION

ABOUT = """
Usage: python -m webapp

Serves the site on WEB_PORT, until SIGTERM. `python -m webapp.live` serves its live updates.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
webapp/settings.py and schema/settings.py list all.
"""

FILES_SPARE, FILES_PER_THREAD = 100, 3
"""File descriptors in addition to one per connection. Each thread has a connection to Postgres, and opens files."""

log = structlog.get_logger()


def files_spare(threads: int) -> int:
    """Number of file descriptors that a site with this many threads needs in addition to one per connection."""
    return FILES_SPARE + FILES_PER_THREAD * threads


def main() -> int:
    try:
        settings = from_environment(os.environ)
        possible = connections_possible(CONNECTIONS_MAX, files_spare(settings.threads))
    except SettingsError as error:
        print(f"webapp: {error}", file=sys.stderr)
        return 2
    set_up_logging(settings.base.log_level, settings.base.replica, is_bounded=True)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits for a thread
    if possible < CONNECTIONS_MAX:
        log.warning("fewer connections than usual: the limit on open files (ulimit -n) is low", connections=possible)
    app = create_app(settings)
    turns = app.extensions[EXTENSION].turns
    server = SiteServer(app, settings.host, settings.port, settings.threads, bool(settings.proxies), turns, possible)
    monitoring.watch(app)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()
    close_app(app)
    return 0


if __name__ == "__main__":
    entry_point.run_process("webapp", main, ABOUT)
