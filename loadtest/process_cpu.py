"""CPU time of the processes that a load test uses: each process with its descendants, by name. Local processes only.

The stack gives their pids in PROCESS_IDS, as JSON: `{"transactions-1": 4711, …}`. Without it nothing is
measured.
"""

import json
from collections.abc import Mapping

import psutil

VARIABLE = "PROCESS_IDS"

Reading = Mapping[tuple[str, int, float], float]
"""CPU seconds so far of each process: by name, pid and start."""


class ProcessCpu:
    """CPU meter of this process and of those named in PROCESS_IDS, from `start` to `stop`."""

    def __init__(self, environment: Mapping[str, str]):
        self._pids: dict[str, int] = json.loads(environment.get(VARIABLE) or "{}")
        if self._pids:
            self._pids["load driver"] = psutil.Process().pid
        self._before: Reading = {}

    def start(self) -> None:
        self._before = self._read()

    def stop(self) -> dict[str, float]:
        """CPU seconds by name since `start`, the greatest first. Processes that ended in between are missing."""
        spent: dict[str, float] = {}
        for key, seconds in self._read().items():
            name = key[0]
            spent[name] = spent.get(name, 0.0) + seconds - self._before.get(key, 0.0)
        return {name: round(seconds, 2) for name, seconds in sorted(spent.items(), key=lambda one: -one[1])}

    def _read(self) -> Reading:
        found = {}
        for name, pid in self._pids.items():
            try:
                main = psutil.Process(pid)
                family = [main, *main.children(recursive=True)]
            except psutil.Error:  # it has ended
                continue
            for process in family:
                try:
                    times = process.cpu_times()
                    found[_name(name, process), process.pid, process.create_time()] = times.user + times.system
                except psutil.Error:
                    continue
        return found


def _name(name: str, process: psutil.Process) -> str:
    title = " ".join(process.cmdline())
    if not title.startswith("postgres:"):
        return name
    return f"Postgres for {title.split()[1].removeprefix('daytrade_')}" if "daytrade_" in title else "Postgres itself"
