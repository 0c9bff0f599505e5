"""Publisher process of a round. The harness starts, kills and restarts it, and reads which lines are confirmed."""

import json
import subprocess
import sys
from pathlib import Path

from tests.chaos.links import PUBLISHER, ROOT, Links

LINES_REPEATED = 60
"""Minimum confirmed lines that a restarted publisher repeats, as if it did not know what was confirmed."""


class PublisherProcess:
    def __init__(self, folder: Path, links: Links, workload: Path, source: int, rate: float, commands: int):
        self._folder = folder
        self._confirmed_file = folder / "confirmed"
        self._confirmed_file.touch()
        self._settings = {
            "amqp_url": links.environment(PUBLISHER)["AMQP_URL"],
            "workload": str(workload),
            "source": source,
            "rate": rate,
            "confirmed": str(self._confirmed_file),
        }
        self._process: subprocess.Popen | None = None
        self._last = commands - 1  # holds back the DUMPLOG at the end
        self.deaths: list[str] = []

    def start(self, first: int = 1, again: bool = False) -> None:
        settings = self._settings | {"first": first, "last": self._last, "again": again}
        with (self._folder / "publisher.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.publisher", json.dumps(settings)], cwd=ROOT, stdout=log, stderr=log
            )

    @property
    def confirmed(self) -> int:
        """Last line of the unbroken run of confirmed lines."""
        return max(map(int, self._confirmed_file.read_text().split()), default=0)

    @property
    def done(self) -> bool:
        """Whether all lines sent so far are confirmed. Notes and restarts a publisher that ended early."""
        code = self._process.poll()
        if code is None:
            return False
        if code != 0:
            self.deaths.append(f"the publisher ended by itself with exit code {code}")
            self.resume()
            return False
        return True

    def kill(self) -> None:
        """Sends SIGKILL and waits for the end."""
        self._process.kill()
        self._process.wait()

    def resume(self) -> None:
        self.start(max(1, self.confirmed - LINES_REPEATED), again=True)

    def publish_last(self) -> None:
        """Publishes the line that was held back."""
        self._last += 1
        self.start(self._last)

    def destroy(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()
