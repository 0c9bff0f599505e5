"""Processes of the system, kept running as a supervisor does: it restarts each that ends, and notes why it ended."""

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
from bench.processes import MODULES, kind_of
from tests.chaos.links import Links

SLOTS = {"quote-server": 1, "quotecache": 2, "triggers": 2, "audit": 2, "transactions": 4}
"""Largest number of processes of each kind."""

RESTART_SECONDS_MIN = 1.0
"""Least time between two starts of the same process, as supervisord waits for one that ends at once."""

EXIT_SECONDS_MAX = 25.0
POLL_SECONDS = 0.02


def slots() -> list[str]:
    return [f"{kind}-{n}" for kind, count in SLOTS.items() for n in range(count)]


@dataclass
class Life:
    """One run of a process. `wanted`: restart it when it ends. `point`: fault point at which it ends itself, or ""."""

    process: subprocess.Popen
    started: float
    wanted: bool = True
    killed: bool = False
    point: str = ""
    noted: bool = False
    """Whether the reason for its end is recorded."""


class Fleet:
    """Processes by slot, such as `audit-0`. Each has a log file in `folder`. `sabotage`: a defence that all lack."""

    def __init__(self, folder: Path, links: Links, settings: dict[str, str], sabotage: str = ""):
        self._folder = folder
        self._links = links
        self._settings = settings
        self._sabotage = sabotage
        self.lives: dict[str, Life] = {}
        self.deaths: list[str] = []
        """Ends of processes that no fault and no SIGTERM explains."""
        self.pointed: list[str] = []
        """Fault points at which processes have ended themselves, and which no fault has taken from the list yet."""

    def start(self, slot: str, point: str = "") -> None:
        """Starts a process in an empty slot, or in one whose process has ended."""
        if slot in self.lives:
            assert self.lives[slot].process.poll() is not None, f"{slot} still runs"
            self._note_end(slot)
        environment = {**os.environ, **self._settings, **self._links.environment(slot)}
        if kind_of(slot) == "quote-server":
            environment["QUOTE_SERVER"] = self._settings["QUOTE_SERVER"]
        if point:
            environment["FAULT_POINT"] = point
        process = self._process(slot, environment)
        self.lives[slot] = Life(process, time.monotonic(), point=point)

    def _process(self, slot: str, environment: dict[str, str]) -> subprocess.Popen:
        if not self._sabotage:
            return processes.start(slot, self._folder, environment)
        arguments = self._sabotage, "--", MODULES[kind_of(slot)]
        environment = {**environment, "REPLICA": slot}
        return processes.start_module("tests.chaos.unfenced", slot, self._folder, environment, *arguments)

    def running(self, kind: str) -> list[str]:
        """Returns the slots of this kind that should run."""
        return [slot for slot, life in self.lives.items() if kind_of(slot) == kind and life.wanted]

    def unarmed(self, kind: str) -> list[str]:
        """Returns the slots of this kind without a fault point: a process armed anew would miss its first point."""
        return sorted(slot for slot in self.running(kind) if not self.lives[slot].point)

    def alive(self, slot: str) -> bool:
        """Whether the process exists, even if it is suspended."""
        return slot in self.lives and self.lives[slot].process.poll() is None

    def kill(self, slot: str) -> bool:
        """Sends SIGKILL. Returns False if the process had ended before, for a reason of its own."""
        if not self.alive(slot):
            return False
        self.lives[slot].killed = True
        self.lives[slot].process.kill()
        return True

    def signal(self, slot: str, number: signal.Signals) -> bool:
        """Sends a signal. Returns False if the process has ended."""
        if not self.alive(slot):
            return False
        self.lives[slot].process.send_signal(number)
        return True

    def retire(self, slot: str) -> None:
        """Sends SIGTERM, and does not restart the process."""
        if self.alive(slot):
            self._await_handler(slot)
        else:
            self._note_end(slot)
        self.lives[slot].wanted = False
        self.lives[slot].process.terminate()

    def stopped(self, slot: str) -> bool:
        """Whether the process is suspended by SIGSTOP."""
        try:
            return psutil.Process(self.lives[slot].process.pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False

    def replace(self, slot: str, point: str) -> None:
        """Drains the process and starts it anew, with this fault point."""
        self.retire(slot)
        self._await_end(slot)
        self.start(slot, point)

    def look(self) -> None:
        """Notes which processes have ended, and restarts each that may be restarted by now."""
        for slot, life in list(self.lives.items()):
            if life.process.poll() is None:
                continue
            self._note_end(slot)
            if life.wanted and time.monotonic() >= life.started + RESTART_SECONDS_MIN:
                self.start(slot)

    def finish(self, *kinds: str) -> None:
        """Sends SIGTERM to all processes of these kinds; returns when they have ended."""
        slots = [slot for slot in self.lives if kind_of(slot) in kinds]
        for slot in slots:
            self.signal(slot, signal.SIGCONT)
            self.retire(slot)
        for slot in slots:
            self._await_end(slot)

    def destroy(self) -> None:
        """Kills whatever still runs."""
        for life in self.lives.values():
            if life.process.poll() is None:
                life.process.kill()
                life.process.wait()

    def _await_handler(self, slot: str) -> None:
        """Waits until the process handles SIGTERM: one that has just started would die of it without draining."""
        pid, deadline = self.lives[slot].process.pid, time.monotonic() + EXIT_SECONDS_MAX
        while self.alive(slot) and time.monotonic() < deadline:
            status = Path(f"/proc/{pid}/status").read_text()
            caught = int(re.search(r"^SigCgt:\s*(\w+)", status, re.MULTILINE)[1], 16)
            if caught >> (signal.SIGTERM - 1) & 1:
                return
            time.sleep(POLL_SECONDS)  # polls the process, which offers no event to wait for

    def _await_end(self, slot: str) -> None:
        """Waits for a process that got SIGTERM. If it does not end in time, records that as a death and kills it."""
        life, deadline = self.lives[slot], time.monotonic() + EXIT_SECONDS_MAX
        while self.alive(slot):
            if time.monotonic() > deadline:
                self.deaths.append(f"{slot} did not end within {EXIT_SECONDS_MAX:g} s of SIGTERM")
                life.noted = True
                life.process.kill()
            elif self.stopped(slot):  # it came to its fault point while it drained
                self.signal(slot, signal.SIGCONT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                life.process.wait(POLL_SECONDS)
        self._note_end(slot)

    def _note_end(self, slot: str) -> None:
        """Records the reason for a process's end, once: a fault, a SIGTERM, or a death."""
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
