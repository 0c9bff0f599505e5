"""Starts, stops and watches the workers of a profile. It assumes that the servers run."""

import os

from deploy.stack import ports, stack_folder
from deploy.stack.paths import LOGS, log_tail
from deploy.stack.profiles import HOST, Urls
from deploy.stack.progress import say
from deploy.stack.record import Record
from deploy.supervision import metrics_ports, processes, supervisor
from deploy.supervision.readiness import wait_until

START_SECONDS_MAX = 15
UNWELL = ("BACKOFF", "FATAL")  # it ended in its first second and is tried again; supervisord has given up


def start(record: Record, profile: str, urls: Urls, replicas: int) -> dict[str, str]:
    """Starts the workers; returns the settings that a load test needs too. Unchanged workers keep running."""
    given = os.environ.get("QUOTE_SERVER", "")
    if not supervisor.running(record):  # with given servers or containers, supervisord does not run yet
        supervisor.start(record, [])
    if not given:
        record.quote_ports[profile] = _quote_port(record, profile)
    record.save()
    address = given or f"{HOST}:{record.quote_ports[profile]}"
    stack_folder.folder(LOGS / profile)
    programs = processes.programs(profile, urls, replicas, address, own_quote_server=not given)
    without = {f"{profile}.{processes.QUOTE_SERVER.name}"}
    programs = metrics_ports.assign(record, programs, set(supervisor.processes(record)), without)
    record.save()
    supervisor.set_workers(record, profile, programs)
    return {"QUOTE_SERVER": address, "QUOTES": processes.quotes(), "DUMP_DIR": processes.dump_dir()}


def process_ids(record: Record, profile: str) -> dict[str, int]:
    """Returns the pids of the servers and of a profile's workers that run now, by name."""
    infos = supervisor.processes(record)
    names = {name: name.removeprefix(f"{profile}.") for name in infos}
    return {names[name]: info["pid"] for name, info in infos.items() if info["pid"]}


def stop(record: Record, profile: str) -> None:
    if supervisor.running(record):
        supervisor.set_workers(record, profile, [])


def wait_until_up(record: Record, profile: str) -> bool:
    """Waits for the workers; returns whether all run. Tells the user about any that does not stay up."""

    def settled() -> bool:
        return all(state != "STARTING" for state in _states(record, profile).values())

    wait_until(settled, "the workers", START_SECONDS_MAX)
    return not WorkerWatch(record, profile).look()


def _quote_port(record: Record, profile: str) -> int:
    """Returns the simulator's port. A running simulator keeps its port, which it occupies itself."""
    if f"{profile}.{processes.QUOTE_SERVER.name}" in supervisor.processes(record):
        return record.quote_ports[profile]
    others = {port for other, port in record.quote_ports.items() if other != profile}
    return ports.keep_or_find(record.quote_ports.get(profile), others | set(record.ports.values()))


def _states(record: Record, profile: str) -> dict[str, str]:
    infos = supervisor.processes(record)
    return {name: info["statename"] for name, info in infos.items() if name.startswith(f"{profile}.")}


class WorkerWatch:
    """Watch that tells the user, once per worker and state, that a worker does not stay up."""

    def __init__(self, record: Record, profile: str) -> None:
        self.record, self.profile = record, profile
        self.reported: set[tuple[str, str]] = set()

    def look(self) -> bool:
        """Tells the user about each new failure of a worker; returns whether any worker fails right now."""
        unwell = {name: state for name, state in _states(self.record, self.profile).items() if state in UNWELL}
        for name, state in unwell.items():
            if (name, state) not in self.reported:
                self.reported.add((name, state))
                log = LOGS / self.profile / f"{name.partition('.')[2]}.log"
                what = (
                    "keeps ending, and is not restarted any more" if state == "FATAL" else "ends as soon as it starts"
                )
                say(f"{name} {what}. The end of {log}:\n{log_tail(log)}")
        return bool(unwell)
