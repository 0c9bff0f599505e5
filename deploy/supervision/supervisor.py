"""Client of this checkout's supervisord: starts it, tells it what to run, asks what runs.

It does not know what the programs are. supervisord listens on a loopback TCP port with a random password, as the path
of a socket file may be too long in a deeply nested checkout.
"""

import http.client
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import TypedDict
from xml.parsers.expat import ExpatError
from xmlrpc.client import Error, Fault, ServerProxy, Transport

import msgspec
from supervisor.xmlrpc import Faults

from deploy.stack import caller, ports, stack_folder
from deploy.stack.failure import StackError
from deploy.stack.paths import LOGS, ROOT, SUPERVISOR_CONFIG, WORKER_CONFIGS, from_root
from deploy.stack.record import Record
from deploy.supervision import leftovers
from deploy.supervision.program import Program, variables
from deploy.supervision.readiness import wait_until

USER = "stack"
STOPPED_STATES = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}
START_SECONDS_MAX = 15
SHUTDOWN_SECONDS_MAX = 90
STATE_SECONDS_MAX = 10  # for the answer to `running`
ANSWER_SECONDS_MAX = 120  # for any other answer: supervisord answers a stop only when the server has stopped


class ProcessInfo(TypedDict):
    """The part of supervisord's information about a process that this project uses; times in seconds of Unix time."""

    name: str
    statename: str
    pid: int
    start: int
    now: int
    spawnerr: str


class ConfigInfo(TypedDict):
    """Name and priority of a program in supervisord's configuration."""

    name: str
    process_prio: int


def running(record: Record) -> bool:
    if "supervisor" not in record.ports:
        return False
    try:
        state = _call(record, "getState", seconds_max=STATE_SECONDS_MAX)
    except (StackError, Fault):
        return False
    return isinstance(state, dict) and state.get("statename") == "RUNNING"


def user(record: Record) -> int:
    """Returns the user that the running supervisord, and all that it starts, belongs to."""
    return os.stat(f"/proc/{msgspec.convert(_call(record, 'getPID'), int)}").st_uid


def start(record: Record, programs: list[Program]) -> None:
    """Starts supervisord with these programs. It deletes the worker configurations of an
    earlier supervisord.
    """
    assert not running(record)
    stack_folder.ensure()
    stack_folder.folder(WORKER_CONFIGS)
    stack_folder.folder(LOGS)
    for stale in WORKER_CONFIGS.glob("*.conf"):
        stack_folder.file(stale).unlink(missing_ok=True)
    record.ports["supervisor"] = ports.keep_or_find(
        record.ports.get("supervisor"), {port for name, port in record.ports.items() if name != "supervisor"}
    )
    record.save()
    stack_folder.file(LOGS / "supervisord.log")
    _write_part("supervisord", _main_section(record), programs)
    done = subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", from_root(SUPERVISOR_CONFIG)],
        cwd=ROOT,
        env=caller.for_servers() | variables() | leftovers.mark(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise StackError(f"supervisord does not start: {' '.join((done.stdout + done.stderr).split())[-300:]}")
    wait_until(lambda: running(record), "supervisord", START_SECONDS_MAX)


def shut_down(record: Record) -> None:
    """Stops supervisord; returns when it and all that it started have ended. leftovers.py ends other processes."""
    pid = msgspec.convert(_call(record, "getPID"), int)
    supervised = leftovers.family(pid)
    _call(record, "shutdown")

    def gone() -> bool:
        # Of another user's processes (root's, from before a chown) only supervisord itself is visible. It ends last.
        return not (supervised & leftovers.find().keys() or leftovers.lives(pid))

    wait_until(gone, "the shutdown of every process", SHUTDOWN_SECONDS_MAX)


def processes(record: Record) -> dict[str, ProcessInfo]:
    """Returns supervisord's information by process name."""
    infos = msgspec.convert(_call(record, "getAllProcessInfo"), list[ProcessInfo])
    return {info["name"]: info for info in infos}


def start_program(record: Record, name: str) -> None:
    try:
        _call(record, "startProcess", name, False)
    except Fault as fault:
        if fault.faultCode != Faults.ALREADY_STARTED:
            raise StackError(f"supervisord will not start {name}: {fault.faultString}") from fault


def stop_program(record: Record, name: str) -> None:
    """Stops a program; returns when it has ended. It stays stopped until it is started."""
    try:
        _call(record, "stopProcess", name)
    except Fault as fault:
        if fault.faultCode != Faults.NOT_RUNNING:
            raise StackError(f"supervisord cannot stop {name}: {fault.faultString}") from fault


def set_workers(record: Record, profile: str, programs: list[Program]) -> None:
    """Makes a profile run exactly these programs. Programs that already run with the same settings keep running."""
    # Read before the new configuration, which no longer contains the programs to stop.
    configured = msgspec.convert(_call(record, "getAllConfigInfo"), list[ConfigInfo])
    priorities = {info["name"]: info["process_prio"] for info in configured}
    _write_part(profile, "", programs)
    try:
        changes = msgspec.convert(_call(record, "reloadConfig"), list[tuple[list[str], list[str], list[str]]])
    except Fault as fault:
        raise StackError(f"supervisord refuses its configuration: {fault.faultString}") from fault
    added, changed, removed = changes[0]
    stopping = sorted([*changed, *removed], key=priorities.__getitem__, reverse=True)
    for _, equals in itertools.groupby(stopping, key=priorities.__getitem__):
        _stop_and_forget(record, list(equals))
    for name in (program.name for program in programs):
        if name in added or name in changed:
            _call(record, "addProcessGroup", name)


def _stop_and_forget(record: Record, names: list[str]) -> None:
    """Asks all programs to stop, then waits for all, as each may take long to drain; then removes them."""
    for name in names:
        try:
            _call(record, "stopProcess", name, False)
        except Fault as fault:
            if fault.faultCode != Faults.NOT_RUNNING:
                raise StackError(f"supervisord cannot stop {name}: {fault.faultString}") from fault

    def all_stopped() -> bool:
        infos = processes(record)
        return all(infos[name]["statename"] in STOPPED_STATES for name in names if name in infos)

    wait_until(all_stopped, "the shutdown of the workers", SHUTDOWN_SECONDS_MAX)
    for name in names:
        _call(record, "removeProcessGroup", name)


class _Patient(Transport):
    """Transport with a timeout: another program may have the port by now, and never answer."""

    def __init__(self, seconds_max: float) -> None:
        super().__init__()
        self._seconds_max = seconds_max

    def make_connection(self, host: tuple[str, dict[str, str]] | str) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = self._seconds_max
        return connection


def _call(record: Record, method: str, *arguments: object, seconds_max: float = ANSWER_SECONDS_MAX) -> object:
    """Calls a method of supervisord. Raises StackError if it is unreachable, Fault if it refuses."""
    address = f"http://{USER}:{record.supervisor_password}@127.0.0.1:{record.ports['supervisor']}/RPC2"
    try:
        with ServerProxy(address, transport=_Patient(seconds_max)) as proxy:
            answer: object = getattr(proxy.supervisor, method)(*arguments)
            return answer
    except Fault:
        raise
    except (OSError, http.client.HTTPException, Error, ExpatError, ValueError) as error:
        raise StackError("supervisord has ended: run `make down` to end the processes that it left behind") from error


def _main_section(record: Record) -> str:
    lines = [
        "[supervisord]",
        f"logfile={from_root(LOGS / 'supervisord.log')}",
        "logfile_maxbytes=10MB",
        f"pidfile={from_root(SUPERVISOR_CONFIG.with_suffix('.pid'))}",
        "umask=077",  # supervisord would set 022, for itself and for all that it starts
        f"childlogdir={from_root(LOGS)}",
        # To run as root, supervisord wants an explicit user=root.
        *(["user=root"] if os.geteuid() == 0 else []),
        "",
        "[inet_http_server]",
        f"port=127.0.0.1:{record.ports['supervisor']}",
        f"username={USER}",
        f"password={record.supervisor_password}",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "",
    ]
    return "\n".join(lines) + "\n"


def _write_part(name: str, head: str, programs: list[Program]) -> None:
    """Writes one part of the configuration, and the whole that supervisord reads.

    supervisord's own include would read the checkout's path as a pattern, with [ ] * ? as wildcards.
    """
    part = head + _sections(programs)
    _write_private(WORKER_CONFIGS / f"{name}.conf", part)
    parts = sorted(WORKER_CONFIGS.glob("*.conf"))
    _write_private(SUPERVISOR_CONFIG, "\n".join(part.read_text(encoding="utf-8") for part in parts))


def _sections(programs: list[Program]) -> str:
    for program in programs:
        stack_folder.file(program.log)
    return "\n".join(program.section() for program in programs)


def _write_private(path: Path, text: str) -> None:
    stack_folder.file(path)
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
