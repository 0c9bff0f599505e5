"""The system's processes, as a supervisor would keep them: whatever dies is started again, and noted."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.links import ROOT, Links

MODULES = {
    "quote-server": "quotecache.simulator",
    "quotecache": "quotecache",
    "triggers": "consumers.triggers",
    "audit": "consumers.audit",
    "transactions": "consumers.transactions",
}

SLOTS = {"quote-server": 1, "quotecache": 2, "triggers": 2, "audit": 2, "transactions": 4}
"""How many of each there may be."""

RESTART_SECONDS_MIN = 1.0
"""Between two starts of the same: as supervisord does with what dies young."""

EXIT_SECONDS_MAX = 25.0


def slots() -> list[str]:
    return [f"{kind}-{n}" for kind, count in SLOTS.items() for n in range(count)]


def kind_of(slot: str) -> str:
    return slot.rpartition("-")[0]


@dataclass
class Life:
    """One run of a process. `wanted`: it is to be started again when it ends. `point`: where it is to die, if so."""

    process: subprocess.Popen
    started: float
    wanted: bool = True
    killed: bool = False
    point: str = ""


class Fleet:
    """Logs are files in `folder`, one per slot."""

    def __init__(self, folder: Path, links: Links, settings: dict[str, str]):
        self._folder = folder
        self._links = links
        self._settings = settings
        self.lives: dict[str, Life] = {}
        self.deaths: list[str] = []
        """Ends that nobody had ordered."""
        self.pointed: list[str] = []
        """Points at which processes have ended themselves since somebody looked."""

    def start(self, slot: str, point: str = "") -> None:
        environment = {**os.environ, **self._settings, **self._links.environment(slot), "REPLICA": slot}
        if kind_of(slot) == "quote-server":
            environment["QUOTE_SERVER"] = self._settings["QUOTE_SERVER"]
        if point:
            environment["FAULT_POINT"] = point
        with (self._folder / f"{slot}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", MODULES[kind_of(slot)]], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self.lives[slot] = Life(process, time.monotonic(), point=point)

    def running(self, kind: str) -> list[str]:
        """Slots of this kind that are meant to run."""
        return [slot for slot, life in self.lives.items() if kind_of(slot) == kind and life.wanted]

    def kill(self, slot: str) -> None:
        life = self.lives[slot]
        life.killed = True
        life.process.kill()

    def signal(self, slot: str, number: signal.Signals) -> None:
        self.lives[slot].process.send_signal(number)

    def retire(self, slot: str) -> None:
        """SIGTERM, and not to be started again."""
        self.lives[slot].wanted = False
        self.lives[slot].process.terminate()

    def stopped(self, slot: str) -> bool:
        """Whether it hangs in a SIGSTOP."""
        try:
            stat = Path(f"/proc/{self.lives[slot].process.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"

    def replace(self, slot: str, point: str) -> None:
        """Drains it and starts it anew, to die at this point."""
        self.retire(slot)
        self._await_exit(slot)
        self.start(slot, point)

    def look(self) -> None:
        """Starts again what has ended."""
        for slot, life in list(self.lives.items()):
            code = life.process.poll()
            if code is None or not life.wanted or time.monotonic() < life.started + RESTART_SECONDS_MIN:
                continue
            if life.point and code == -signal.SIGKILL and not life.killed:
                self.pointed.append(life.point.partition(":")[0])
            elif not life.killed:
                self.deaths.append(f"{slot} ended by itself with exit code {code}")
            self.start(slot)

    def finish(self) -> None:
        """SIGTERM to all; an exit code that is not 0 is a death."""
        for slot, life in self.lives.items():
            if life.process.poll() is None:
                self.signal(slot, signal.SIGCONT)
                self._await_handler(slot)
                self.retire(slot)
        for slot, life in self.lives.items():
            if not life.killed and (code := self._await_exit(slot)) != 0:
                self.deaths.append(f"{slot} answered SIGTERM with exit code {code}")

    def destroy(self) -> None:
        """Leaves nothing running, whatever state it is in."""
        for life in self.lives.values():
            if life.process.poll() is None:
                life.process.kill()
                life.process.wait()

    def _await_handler(self, slot: str) -> None:
        """One that has only just been started would still die of a SIGTERM as every process does."""
        pid, deadline = self.lives[slot].process.pid, time.monotonic() + EXIT_SECONDS_MAX
        while self.lives[slot].process.poll() is None and time.monotonic() < deadline:
            status = Path(f"/proc/{pid}/status").read_text()
            caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16)
            if caught >> (signal.SIGTERM - 1) & 1:
                return
            time.sleep(0.02)  # polling a process, which has no event to be awaited

    def _await_exit(self, slot: str) -> int | None:
        try:
            return self.lives[slot].process.wait(EXIT_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            return None
