"""`python -m webapp`: the site, until SIGTERM. Settings and wiring only.

One process with many threads, so that one gateway publishes all commands, limits are counted in one place, and each
person's commands keep their order. `webapp.live` runs beside it as a process of its own.
"""

import logging
import os
import resource
import signal
import sys

from runtime import entry_point
from runtime.log_setup import set_up_logging
from schema.errors import SettingsError
from webapp import close_app, create_app
from webapp.http_server import CONNECTIONS_MAX, SiteServer
from webapp.settings import from_environment

ABOUT = """
Usage: python -m webapp

Serves the site on WEB_PORT, until SIGTERM. `python -m webapp.live` serves its live updates.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
webapp/settings.py and schema/settings.py list all.
"""

FILES_SPARE = 200
"""File descriptors in addition to one per connection."""


def main() -> int:
    try:
        settings = from_environment(os.environ)
    except SettingsError as error:
        print(f"webapp: {error}", file=sys.stderr)
        return 2
    set_up_logging(settings.base.log_level, settings.base.replica, is_bounded=True)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits for a thread
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, CONNECTIONS_MAX + FILES_SPARE), most))
    app = create_app(settings)
    server = SiteServer(app, settings.host, settings.port, settings.threads, bool(settings.proxies))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    server.run()
    close_app(app)
    return 0


if __name__ == "__main__":
    entry_point.run_process("webapp", main, ABOUT)
