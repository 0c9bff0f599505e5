"""Throughput of the API for `bench.web`: one client sends commands as fast as it can, one by one or in batches."""

import http.client
import itertools
import json
import threading
import time
from dataclasses import dataclass, field

BATCH = 100
THREADS = 4
"""Connections of the client at once: as many requests of one person wait for outcomes (WEB_WAITING_EACH_MAX)."""

SINGLE_RATE_MIN, BATCH_RATE_MIN = 600, 1_500
"""Targets in commands/s, without and with batches."""

COMMAND = {"command": "ADD", "amount": "1.00"}


@dataclass
class Tally:
    """Commands that were done, and the seconds of each request, by all threads together."""

    commands: int = 0
    seconds: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, commands: int, seconds: float) -> None:
        with self.lock:
            self.commands += commands
            self.seconds.append(seconds)


def send(port: int, text: str, batch: int, seconds: float, rate: float | None = None) -> tuple[float, list[float]]:
    """Returns commands/s, and the seconds of each request. `rate`: commands/s to send; None: as fast as answers come.

    `batch`: commands in a request; 1 sends them one by one. Every request waits for its outcomes and has keys.
    """
    tally, ends_at = Tally(), time.monotonic() + seconds
    threads = [
        threading.Thread(target=_sender, args=(port, text, batch, ends_at, rate and THREADS * batch / rate, tally, one))
        for one in range(THREADS)
    ]
    begun = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tally.commands / (time.monotonic() - begun), tally.seconds


def _sender(
    port: int, text: str, batch: int, ends_at: float, interval: float | None, tally: Tally, number: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {text}", "Content-Type": "application/json"}
    due = time.monotonic() + (interval or 0) * number / THREADS
    prefix = f"{time.monotonic_ns()}-{number}"
    for turn in itertools.count():
        if interval is not None:
            time.sleep(max(0.0, due - time.monotonic()))
            due += interval
        begun = time.monotonic()
        if begun >= ends_at:
            break
        path, key, body = _request(batch, f"{prefix}-{turn}")
        connection.request("POST", path, body, headers | key)
        answer = json.loads(connection.getresponse().read())
        states = [one["outcome"]["status"] for one in answer["answers"]] if batch > 1 else [answer["status"]]
        assert set(states) == {"done"}, answer
        tally.add(len(states), time.monotonic() - begun)
    connection.close()


def _request(batch: int, key: str) -> tuple[str, dict[str, str], bytes]:
    if batch == 1:
        return "/api/v1/commands?wait=10000", {"Idempotency-Key": key}, json.dumps(COMMAND).encode()
    items = [{"command": COMMAND, "key": f"{key}-{number}"} for number in range(batch)]
    return "/api/v1/commands/batch?wait=10000", {}, json.dumps({"commands": items}).encode()
