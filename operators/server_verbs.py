"""Verbs that prepare or check servers and administrators, or start a process (run). Wiring only."""

from enum import StrEnum
from typing import Annotated

import typer

from operators.verb import MISUSED, verb


class Process(StrEnum):
    """Long-lived processes by the names that operators use."""

    TRANSACTIONS = "transactions"
    TRIGGERS = "triggers"
    AUDIT = "audit"
    QUOTECACHE = "quotecache"
    SITE = "site"
    LIVE = "live"
    MARKET = "market"
    SIMULATOR = "simulator"


MODULES = {
    Process.TRANSACTIONS: "consumers.transactions",
    Process.TRIGGERS: "consumers.triggers",
    Process.AUDIT: "consumers.audit",
    Process.QUOTECACHE: "quotecache",
    Process.SITE: "webapp",
    Process.LIVE: "webapp.live",
    Process.MARKET: "producers.market_simulation",
    Process.SIMULATOR: "quotecache.simulator",
}


FOR_OTHER_SITES = ("FLASK_", "GUNICORN_", "UVICORN_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "SENDFILE")
"""Beginnings of the names of variables that the site's libraries would read. A shell may have them for another site.

Every setting of this project's site has a name of its own (`webapp/settings.py`).
"""


def add_to(app: typer.Typer) -> None:
    """Adds these verbs to the command line."""
    verb(app, "migrate", failed=MISUSED)(migrate)
    verb(app, "declare")(declare)
    verb(app, "check-streams")(check_streams)
    verb(app, "admin")(admin)
    verb(app, "run")(run)


def migrate() -> None:
    """Bring the database to the newest schema. May be repeated; concurrent migrations wait for each other.

    Exit codes: 0 done, 2 not done.
    """
    from database import migrate as migrations
    from operators import given_servers

    migrations.migrate(given_servers.setting("DATABASE_URL"))


def declare(
    fresh: Annotated[bool, typer.Option("--fresh", help="delete all queues first, with their messages")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="delete all queues, and declare nothing")] = False,
) -> None:
    """Declare every exchange and queue in RabbitMQ. May be repeated.

    Dead letters that an earlier version kept in a queue are moved into the database; with an option they are deleted.
    """
    import os

    from operators import given_servers
    from rabbitmq import declare as topology
    from rabbitmq.dead_letters import earlier_queue
    from schema.errors import SettingsError

    if fresh and remove:
        raise SettingsError("--fresh and --remove contradict each other, and nothing was deleted: give one of them")
    with given_servers.broker("declare") as connection:
        if remove:
            topology.remove(connection)
            return
        topology.declare(connection, fresh)
        moved = earlier_queue.move(connection, os.environ.get("DATABASE_URL"))
    if moved:
        print(f"{moved:,} dead letters of an earlier version were moved from their queue into the database")


def check_streams() -> None:
    """Fail if a stream lacks messages that the workers on DATABASE_URL have read. Exit codes: 0 all there, 1 not."""
    from operators import read_streams

    read_streams.require()


def admin(
    name: Annotated[str, typer.Argument(help="1 to 64 of A-Z a-z 0-9 _ . @ -")],
    existing: Annotated[
        bool, typer.Option("--existing", help="Promote the person who has this name already; do not ask.")
    ] = False,
) -> int:
    """Make a person an administrator of the site. Creates the person if necessary.

    Asks for a new person's password, or reads it from the environment variable PASSWORD. If the person exists already,
    asks whether they are meant. A promoted person keeps their password; their sessions and API tokens end. Exit codes:
    0 done, 1 refused or not possible now, 2 misused.
    """
    from operators import given_servers
    from runtime.log_setup import set_up_logging
    from schema.commands import is_user
    from schema.errors import SettingsError
    from webapp.admin import promote
    from webapp.store import Store

    if not is_user(name):
        raise SettingsError(f"{name!r} is not a name: a name has 1 to 64 of A-Z a-z 0-9 _ . @ -")
    set_up_logging("info", "admin")
    store = Store(given_servers.setting("DATABASE_URL"), 1)
    try:
        return promote(store, name, existing)
    finally:
        store.close()


def run(process: Annotated[Process, typer.Argument()]) -> None:
    """Run a long-lived process in the foreground. SIGTERM or Ctrl-C ends it. Its settings are environment variables."""
    import os
    import sys

    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOR_OTHER_SITES)}
    os.execve(sys.executable, [sys.executable, "-m", MODULES[process]], environment)
