"""The system's processes, as a supervisor would keep them: whatever dies is started again, and noted."""

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import processes
from bench.processes import kind_of
from tests.chaos.links import Links

SLOTS = {"quote-server": 1, "quotecache": 2, "triggers": 2, "audit": 2, "transactions": 4}
"""How many of each there may be."""

RESTART_SECONDS_MIN = 1.0
"""Between two starts of the same: as supervisord does with what dies young."""

EXIT_SECONDS_MAX = 25.0
POLL_SECONDS = 0.02


def slots() -> list[str]:
    return [f"{kind}-{n}" for kind, count in SLOTS.items() for n in range(count)]


@dataclass
class Life:
    """One run of a process. `wanted`: it is to be started again when it ends. `point`: where it is to die, if so."""

    process: subprocess.Popen
    started: float
    wanted: bool = True
    killed: bool = False
    point: str = ""
    noted: bool = False
    """Whether its end is accounted for."""


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
        """The slot must be empty, or its process have ended."""
        if slot in self.lives:
            assert self.lives[slot].process.poll() is not None, f"{slot} still runs"
            self._note_end(slot)
        environment = {**os.environ, **self._settings, **self._links.environment(slot)}
        if kind_of(slot) == "quote-server":
            environment["QUOTE_SERVER"] = self._settings["QUOTE_SERVER"]
        if point:
            environment["FAULT_POINT"] = point
        process = processes.start(slot, self._folder, environment)
        self.lives[slot] = Life(process, time.monotonic(), point=point)

    def running(self, kind: str) -> list[str]:
        """Slots of this kind that are meant to run."""
        return [slot for slot, life in self.lives.items() if kind_of(slot) == kind and life.wanted]

    def unarmed(self, kind: str) -> list[str]:
        """Those of them that are not to die at a point: armed for another one, they would miss the first."""
        return sorted(slot for slot in self.running(kind) if not self.lives[slot].point)

    def alive(self, slot: str) -> bool:
        """Whether its process is there, be it stopped."""
        return slot in self.lives and self.lives[slot].process.poll() is None

    def kill(self, slot: str) -> bool:
        """kill -9. False where it was dead already: then its end is its own."""
        if not self.alive(slot):
            return False
        self.lives[slot].killed = True
        self.lives[slot].process.kill()
        return True

    def signal(self, slot: str, number: signal.Signals) -> bool:
        """False where nobody is there to get it."""
        if not self.alive(slot):
            return False
        self.lives[slot].process.send_signal(number)
        return True

    def retire(self, slot: str) -> None:
        """SIGTERM, and not to be started again."""
        if self.alive(slot):
            self._await_handler(slot)
        else:
            self._note_end(slot)
        self.lives[slot].wanted = False
        self.lives[slot].process.terminate()

    def stopped(self, slot: str) -> bool:
        """Whether it hangs in a SIGSTOP."""
        try:
            return psutil.Process(self.lives[slot].process.pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    def replace(self, slot: str, point: str) -> None:
        """Drains it and starts it anew, to die at this point."""
        self.retire(slot)
        self._await_end(slot)
        self.start(slot, point)

    def look(self) -> None:
        """Notes at once what has ended, and starts it again when it may."""
        for slot, life in list(self.lives.items()):
            if life.process.poll() is None:
                continue
            self._note_end(slot)
            if life.wanted and time.monotonic() >= life.started + RESTART_SECONDS_MIN:
                self.start(slot)

    def finish(self, *kinds: str) -> None:
        """SIGTERM to all of these kinds; returns when they have ended."""
        slots = [slot for slot in self.lives if kind_of(slot) in kinds]
        for slot in slots:
            self.signal(slot, signal.SIGCONT)
            self.retire(slot)
        for slot in slots:
            self._await_end(slot)

    def destroy(self) -> None:
        """Leaves nothing running, whatever state it is in."""
        for life in self.lives.values():
            if life.process.poll() is None:
                life.process.kill()
                life.process.wait()

    def _await_handler(self, slot: str) -> None:
        """One that has only just been started would still die of a SIGTERM as every process does."""
        pid, deadline = self.lives[slot].process.pid, time.monotonic() + EXIT_SECONDS_MAX
        while self.alive(slot) and time.monotonic() < deadline:
            status = Path(f"/proc/{pid}/status").read_text()
            caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16)
            if caught >> (signal.SIGTERM - 1) & 1:
                return
            time.sleep(POLL_SECONDS)  # polling a process, which has no event to be awaited

    def _await_end(self, slot: str) -> None:
        """Of one that was asked to end. One that does not is a death, and killed: nobody is left behind."""
        life, deadline = self.lives[slot], time.monotonic() + EXIT_SECONDS_MAX
        while self.alive(slot):
            if time.monotonic() > deadline:
                self.deaths.append(f"{slot} did not end within {EXIT_SECONDS_MAX:g} s of SIGTERM")
                life.noted = True
                life.process.kill()
            elif self.stopped(slot):  # at its point, to which it came while it drained
                self.signal(slot, signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                life.process.wait(POLL_SECONDS)
        self._note_end(slot)

    def _note_end(self, slot: str) -> None:
        """How its process ended, once: by its fault, as it was asked to, or a death."""
        life, code = self.lives[slot], self.lives[slot].process.returncode
        if life.noted:
            return
        life.noted = True
        by_kill = code == -signal.SIGKILL
        if by_kill and life.killed:
            return
        if by_kill and life.point:
            if life.wanted:
                self.pointed.append(life.point.partition(":")[0])
        elif life.wanted:
            self.deaths.append(f"{slot} ended by itself with exit code {code}")
        elif code != 0:
            self.deaths.append(f"{slot} answered SIGTERM with exit code {code}")
