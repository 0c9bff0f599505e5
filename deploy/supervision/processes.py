"""The worker processes of the system, as data. Nothing here starts or watches them."""

import os
import sys
from dataclasses import dataclass

from deploy.stack import caller
from deploy.stack.broker_roles import with_role
from deploy.stack.paths import LOGS, ROOT, from_root
from deploy.stack.profiles import LOADTEST, Urls
from deploy.supervision.program import Program
from schema.grants import DatabaseRole


@dataclass(frozen=True)
class WorkerProgram:
    name: str
    module: str
    role: DatabaseRole | None  # its rights in the database; None: it uses none
    replicated: bool = False  # REPLICAS says how many run
    standbys: int = 0  # additional processes; only one of all works at a time
    stops_last: bool = False  # stops after all others have drained, because it stores their last messages


QUOTE_SERVER = WorkerProgram(
    "quote-server", "quotecache.simulator", None
)  # replaces the legacy server unless one is given
WORKERS = (
    WorkerProgram("quotecache", "quotecache", DatabaseRole.QUOTECACHE, standbys=1),
    WorkerProgram("transactions", "consumers.transactions", DatabaseRole.TRANSACTIONS, replicated=True),
    WorkerProgram("triggers", "consumers.triggers", DatabaseRole.TRIGGERS),
    WorkerProgram("audit", "consumers.audit", DatabaseRole.AUDIT, stops_last=True),
)

PLACEHOLDERS = Urls("amqp://not-known-yet", "postgresql://not-known-yet")
"""Placeholder addresses with which settings are checked before servers run."""

STOPPED_FIRST, STOPPED_LAST = 1_001, 1_000
"""Supervisor priorities of workers, both above those of servers (`Program.priority`)."""

# Variables of the caller that workers may see, besides those set below. Only listed ones: other variables differ from
# terminal to terminal, and `make up` restarts a worker whose environment has changed.
PASSED_ON = (
    "QUOTE_SEED", "QUOTE_COST_CENTS", "QUOTE_TIMEOUT_MS", "QUOTE_ATTEMPTS", "QUOTE_CONNECTIONS",
    "QUOTE_PRICE_MIN_CENTS", "QUOTE_PRICE_MAX_CENTS",
    "QUOTE_HEDGE", "QUOTE_SOURCE", "REFRESH_BUDGET",
    "DUMP_FILES_EACH", "DUMP_MB_EACH", "DUMP_FOLDER_FILES", "DUMP_FOLDER_MB",
    "LOG_LEVEL", "TZ",
)  # fmt: skip


def programs(profile: str, urls: Urls, replicas: int, quote_server: str, own_quote_server: bool) -> list[Program]:
    """Returns the programs of a profile. `quote_server` is host:port; `own_quote_server` adds the simulator there."""
    made = []
    for worker in ((QUOTE_SERVER,) if own_quote_server else ()) + WORKERS:
        count = replicas if worker.replicated else 1 + worker.standbys
        several = worker.replicated or worker.standbys
        names = [f"{worker.name}-{number}" for number in range(1, count + 1)] if several else [worker.name]
        environment = environment_of(urls.of_role(worker.role), quote_server)
        if profile == LOADTEST:
            # A workload's triggers must be checked at once, however many it arms, and the simulator costs nothing.
            environment.setdefault("REFRESH_BUDGET", "off")
        made += [_program(profile, name, worker, environment) for name in names]
    return made


def environment_of(urls: Urls, quote_server: str) -> dict[str, str]:
    """Returns the environment of a worker that uses the servers at these addresses."""
    return (
        urls.environment
        | caller.for_given_servers(urls.database)
        | {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
        | {
            "QUOTES": quotes(),
            "QUOTE_SERVER": quote_server,
            "DUMP_DIR": from_root(dump_dir()),
            "PYTHONUNBUFFERED": "1",
        }
    )


def quotes() -> str:
    return os.environ.get("QUOTES") or "realistic"


def dump_dir() -> str:
    """Returns DUMP_DIR as an absolute path: working folders may differ. Relative names start at the project's root."""
    # Not Path.resolve, which raises RuntimeError if links lead in a circle. Whoever writes there reports an OSError.
    return os.path.realpath(ROOT / (os.environ.get("DUMP_DIR") or "dumps"))


def _program(profile: str, name: str, worker: WorkerProgram, environment: dict[str, str]) -> Program:
    return Program(
        name=f"{profile}.{name}",
        command=(from_root(sys.executable), "-m", worker.module),
        log=LOGS / profile / f"{name}.log",
        directory=ROOT,
        environment=with_role(environment, worker.module) | {"REPLICA": name},
        priority=STOPPED_LAST if worker.stops_last else STOPPED_FIRST,
    )
