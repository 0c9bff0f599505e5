"""Starts the system's processes for tests, chaos rounds and benchmarks: without a supervisor, each with a log file.

The caller watches, ends and restarts the processes.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from database import roles
from deploy.stack import ports
from rabbitmq.rights import url_for
from rabbitmq.roles import BrokerRole
from schema.grants import DatabaseRole

ROOT = Path(__file__).resolve().parents[1]

MODULES = {
    "quote-server": "quotecache.simulator",
    "quotecache": "quotecache",
    "triggers": "consumers.triggers",
    "audit": "consumers.audit",
    "transactions": "consumers.transactions",
}
"""Modules of the kinds of workers, in their order of start."""

SITE = {"web": "webapp", "live": "webapp.live"}
"""Modules of the site's processes."""

BROKER_ROLES = {
    "quotecache": BrokerRole.QUOTECACHE,
    "triggers": BrokerRole.TRIGGERS,
    "audit": BrokerRole.AUDIT,
    "transactions": BrokerRole.TRANSACTIONS,
    "web": BrokerRole.WEB,
    "live": BrokerRole.WEB,
    **dict.fromkeys(("loadtest", "load", "publisher"), BrokerRole.PRODUCERS),
}
"""Roles in RabbitMQ by kind of process. Load comes from the driver, from a benchmark, or from a publisher of chaos."""

DATABASE_ROLES = {
    "quotecache": DatabaseRole.QUOTECACHE,
    "triggers": DatabaseRole.TRIGGERS,
    "audit": DatabaseRole.AUDIT,
    "transactions": DatabaseRole.TRANSACTIONS,
    "web": DatabaseRole.SITE,
    "live": DatabaseRole.LIVE,
    "loadtest": DatabaseRole.LOADTEST,
}
"""Roles in Postgres by kind of process."""


_given_ports: set[int] = set()


def free_port() -> int:
    """Returns a free port for a server that is about to start, each time another one.

    It lies below the ports of outgoing connections. Otherwise a client could take it before the server binds it, or
    while the server restarts.
    """
    port = ports.keep_or_find(None, _given_ports)
    _given_ports.add(port)
    return port


def kind_of(name: str) -> str:
    """Returns the kind of a process: `transactions-1` is one of several `transactions`."""
    return name.rstrip("0123456789").rstrip("-")


def url_of(name: str, amqp_url: str) -> str:
    """Returns RabbitMQ's address for the role of a process, from the address of the user that sets up."""
    role = BROKER_ROLES.get(kind_of(name))
    return url_for(role, amqp_url) if role else amqp_url


def with_rights(name: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the environment for a process, with the addresses of its roles in AMQP_URL and DATABASE_URL if set."""
    own = {"AMQP_URL": url_of(name, environment["AMQP_URL"])} if "AMQP_URL" in environment else {}
    role = DATABASE_ROLES.get(kind_of(name))
    if role and "DATABASE_URL" in environment:
        own["DATABASE_URL"] = roles.url_for(role, environment["DATABASE_URL"])
    return {**environment, **own}


def start(name: str, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts a worker or a process of the site. `name` is its kind, with a number if several of a kind run."""
    return start_module((MODULES | SITE)[kind_of(name)], name, folder, {**environment, "REPLICA": name})


def start_module(
    module: str,
    name: str,
    folder: Path,
    environment: Mapping[str, str],
    *arguments: str,
    output: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts any module with this `environment`, in which both servers' addresses become those of its roles.

    Its output is appended to `folder/name.log`; if `output` is given, its standard output goes there instead.
    """
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=with_rights(name, environment),
            stdout=log if output is None else output,
            stderr=log,
        )
