"""CPU time of the stack's processes over a run, by kind of process: sampled while they run, read between two times."""

import re
import threading
import time
from collections import defaultdict

import psutil

from bench.processes import ROOT

SAMPLE_SECONDS = 0.5

Sample = tuple[float, dict[tuple[int, float], tuple[str, float]]]
"""Time of a sample, and for each process (pid and start) its kind and its CPU seconds so far."""


class CpuSampler:
    """Sampler of all processes that run in this checkout, except the benchmark itself. Use it in a `with` block."""

    def __init__(self) -> None:
        self._samples: list[Sample] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sample_all, daemon=True)

    def __enter__(self) -> "CpuSampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def seconds_between(self, began: float, ended: float) -> dict[str, float]:
        """CPU seconds of each kind of process between two times (`time.time()`)."""
        before, after = self._nearest(began), self._nearest(ended)
        spent: dict[str, float] = defaultdict(float)
        for process, (kind, seconds) in after[1].items():
            spent[kind] += seconds - before[1].get(process, (kind, 0.0))[1]
        # The two samples lie up to half an interval beside the asked times.
        length = max(after[0] - before[0], 0.001)
        return {kind: seconds * (ended - began) / length for kind, seconds in spent.items()}

    def _nearest(self, when: float) -> Sample:
        return min(self._samples, key=lambda sample: abs(sample[0] - when))

    def _sample_all(self) -> None:
        own = psutil.Process().pid
        while not self._stopping.wait(SAMPLE_SECONDS):
            found = {}
            for process in psutil.process_iter():
                try:
                    if process.pid == own or not f"{process.cwd()}/".startswith(f"{ROOT}/"):
                        continue
                    times = process.cpu_times()
                    found[process.pid, process.create_time()] = _kind(process.cmdline()), times.user + times.system
                except psutil.Error:  # it has ended, or belongs to another user
                    continue
            self._samples.append((time.time(), found))


def _kind(command: list[str]) -> str:
    text = " ".join(command)
    if text.startswith("postgres:"):
        return " ".join(text.split()[:2])
    if "beam" in text:
        return "rabbitmq"
    module = re.search(r" -m (\S+)", text)
    return module[1] if module else "other"
