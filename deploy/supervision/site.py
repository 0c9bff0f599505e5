"""Starts the site beside the workers of the live profile: web, live updates, market simulation, demo person."""

import http.client
import os
import re
import secrets
import sys

import psutil

from deploy.stack import caller, ports, stack_folder
from deploy.stack.broker_roles import with_role
from deploy.stack.paths import LOGS, ROOT, STACK, from_root
from deploy.stack.profiles import HOST, LIVE, SITE, urls_of
from deploy.stack.progress import say
from deploy.stack.record import Record
from deploy.supervision import metrics_ports, modules, processes, supervisor
from deploy.supervision.processes import WorkerProgram
from deploy.supervision.program import Program
from deploy.supervision.readiness import wait_until
from schema.grants import DatabaseRole

WEB = WorkerProgram("web", "webapp", DatabaseRole.SITE)
LIVE_UPDATES = WorkerProgram("live-updates", "webapp.live", DatabaseRole.LIVE)
MARKET = WorkerProgram("market", "producers.market_simulation", DatabaseRole.MARKET)
PREFERRED_PORTS = {"web": 8080, "live": 8081}
PORT_VARIABLES = {"web": "WEB_PORT", "live": "LIVE_PORT"}
SECRET_KEY_FILE = STACK / "web_secret_key"
DEMO_USER = "demo"
START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 20

PASSED_ON = (
    "WEB_HOST", "WEB_TRUSTED_HOSTS", "WEB_HTTPS", "WEB_PROXIES", "WEB_THREADS", "WEB_WAITING_MAX",
    "WEB_WAITING_EACH_MAX", "WEB_LIMITS", "LIVE_URL", "LIVE_STREAMS_MAX", "LIVE_STREAMS_EACH_MAX",
    "LIVE_STREAMS_NETWORK_MAX", "SECRET_KEY",
    "DUMPS_AN_HOUR", "TRIGGER_ALLOWANCE", "QUOTE_ALLOWANCE", "REFRESH_BUDGET", "QUOTE_COST_CENTS", "LOG_LEVEL", "TZ",
)  # fmt: skip
"""Variables of the caller that the site's processes may see, like `processes.PASSED_ON` for workers."""


def start(record: Record, quotes_are_simulated: bool) -> str:
    """Starts the site; returns its address once it answers. The market is simulated only if quotes cost nothing."""
    _choose_ports(record)
    stack_folder.folder(LOGS / SITE)
    _mend_secret_key()
    workers = (WEB, LIVE_UPDATES, *((MARKET,) if quotes_are_simulated else ()))
    programs = [_program(worker, environment(record, worker.role)) for worker in workers]
    running = set(supervisor.processes(record))
    programs = metrics_ports.assign(record, programs, running, {f"{SITE}.{MARKET.name}"})
    record.save()
    supervisor.set_workers(record, SITE, programs)
    port = record.site_ports["web"]
    wait_until(lambda: answers(port, _pid(record)), f"the site ({LOGS / SITE / 'web.log'})", START_SECONDS_MAX)
    return f"http://{HOST}:{port}"


def make_demo_person(record: Record) -> tuple[str, str]:
    """Makes the demo person; returns name and password. A checkout keeps its password."""
    record.demo_password = record.demo_password or secrets.token_hex(6)
    record.save()
    settings = environment(record, WEB.role) | {"DEMO_PASSWORD": record.demo_password, "REPLICA": "demo"}
    modules.run_quietly(urls_of(record, LIVE).of_role(WEB.role), "webapp.demo", extra=settings)
    return DEMO_USER, record.demo_password


def environment(record: Record, role: DatabaseRole | None) -> dict[str, str]:
    """Returns the environment of a process of the site that has this role's rights in the database."""
    urls = urls_of(record, LIVE).of_role(role)
    return (
        urls.environment
        | caller.for_given_servers(urls.database)
        | passed_on()
        | {
            "WEB_PORT": str(record.site_ports["web"]),
            "LIVE_PORT": str(record.site_ports["live"]),
            "SECRET_KEY_FILE": from_root(SECRET_KEY_FILE),
            "DUMP_DIR": from_root(processes.dump_dir()),
            "PYTHONUNBUFFERED": "1",
        }
    )


def passed_on() -> dict[str, str]:
    """Returns the caller's variables that are for the site."""
    return {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}


def _mend_secret_key() -> None:
    """Removes a secret key that a crash has damaged, so that the site makes a new one."""
    file = stack_folder.file(SECRET_KEY_FILE)
    if file.exists() and not re.fullmatch(rb"[0-9a-f]{64}\n", file.read_bytes()):
        file.unlink()
        say(f"{file} was damaged: the site makes a new secret key, so everybody has to log in again")


def _choose_ports(record: Record) -> None:
    runs = f"{SITE}.{WEB.name}" in supervisor.processes(record)
    avoid = set(record.ports.values()) | set(record.quote_ports.values())
    for name, variable in PORT_VARIABLES.items():
        if given := os.environ.get(variable):
            record.site_ports[name] = int(given)
        elif not (runs and name in record.site_ports):  # a running site itself occupies its port
            wanted = record.site_ports.get(name, PREFERRED_PORTS[name])
            record.site_ports[name] = ports.keep_or_find(wanted, avoid)
        avoid.add(record.site_ports[name])
    record.save()


def answers(port: int, pid: int) -> bool:
    """Whether the site answers at this port, and the answer comes from this process, whose listening socket it is.

    Any other program that has the port may answer 200 as well, and would be given the passwords of people.
    """
    return _listens(pid, port) and _is_well(port)


def _pid(record: Record) -> int:
    """Returns the process of the site that supervisord started; 0 if none runs."""
    pid: int = supervisor.processes(record)[f"{SITE}.{WEB.name}"]["pid"]
    return pid


def _listens(pid: int, port: int) -> bool:
    if not pid:
        return False
    try:
        sockets = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:  # it has ended meanwhile, or belongs to another user
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in sockets)


def _is_well(port: int) -> bool:
    # A direct connection: urllib would use the proxy in the caller's http_proxy.
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _program(worker: WorkerProgram, settings: dict[str, str]) -> Program:
    return Program(
        name=f"{SITE}.{worker.name}",
        command=(from_root(sys.executable), "-m", worker.module),
        log=LOGS / SITE / f"{worker.name}.log",
        directory=ROOT,
        environment=with_role(settings, worker.module) | {"REPLICA": worker.name},
        stop_seconds_max=STOP_SECONDS_MAX,
    )
