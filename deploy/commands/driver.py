"""Load test as a child process. It starts before its servers, and first checks its settings and its workload.

The workload may be a pipe, which can be read only once, so the process that checked it must also run it.
`loadtest/start_line.py` defines the protocol between the two.
"""

import json
import os
import re
import select
import time
from collections.abc import Callable
from contextlib import suppress

from deploy.stack.broker_roles import LOAD, with_role
from deploy.supervision import foreground, modules

CHECKED, BEGUN = re.compile(rb"checked (\d+|-)\n"), re.compile(rb"begun\n")


class DriverProcess:
    """A load driver that waits for its servers. Leaving the `with` block ends it."""

    def __init__(self, environment: dict[str, str]):
        self._news, news = os.pipe()
        orders, self._orders = os.pipe()
        self._heard = b""
        self.lines = 0
        """Number of lines of the workload, once it is checked; 0 for a pipe, whose length is unknown."""
        for end in (news, orders):
            os.set_inheritable(end, True)
        try:
            self._child = modules.start(environment, *LOAD, "--held", str(news), str(orders))
        finally:
            os.close(news)
            os.close(orders)

    def __enter__(self) -> "DriverProcess":
        return self

    def __exit__(self, *_: object) -> None:
        foreground.end(self._child)
        for end in (self._news, self._orders):
            os.close(end)

    def refuses(self) -> int | None:
        """Waits until the driver has checked its input. Returns its exit code if it refuses, else None."""
        while not (checked := self._hears(CHECKED, foreground.PAUSE_S)):
            if self._child.poll() is not None:
                return foreground.wait_for(self._child)
        if checked[1] != b"-":
            self.lines = int(checked[1])
        return None

    def run(self, environment: dict[str, str], on_begun: Callable[[], None], meanwhile: Callable[[], object]) -> int:
        """Lets the driver run with these variables; returns its exit code. Calls `on_begun` once, when it publishes."""
        with suppress(BrokenPipeError):  # the driver has ended meanwhile: its exit code says why
            os.write(self._orders, json.dumps(with_role(environment, *LOAD)).encode() + b"\n")
        reported = False

        def look() -> None:
            nonlocal reported
            if not reported and self._hears(BEGUN, 0):
                reported = True
                on_begun()
            meanwhile()

        try:
            return foreground.wait_for(self._child, look)
        finally:
            look()

    def _hears(self, news: re.Pattern[bytes], seconds: float) -> re.Match[bytes] | None:
        """Waits up to `seconds` for output of the driver; returns the match of `news` in all output so far."""
        if select.select([self._news], [], [], seconds)[0]:
            chunk = os.read(self._news, 4096)
            self._heard += chunk
            if not chunk:  # the driver has ended or is about to
                time.sleep(min(seconds, foreground.PAUSE_S / 10))
        return news.search(self._heard)
