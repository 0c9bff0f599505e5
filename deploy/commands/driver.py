"""The load driver as a child: started before its servers, so that what it is given is looked at before all else.

It reads a pipe only once, so the process that looked must be the one that runs. What is said between the two is
`loadtest/start_line.py`'s.
"""

import json
import os
import re
import select
import time
from collections.abc import Callable
from contextlib import suppress

from deploy.supervision import foreground, modules

CHECKED, BEGUN = re.compile(rb"checked (\d+|-)\n"), re.compile(rb"begun\n")


class Driver:
    """A load driver that waits for its servers; leaving the block ends it."""

    def __init__(self, environment: dict[str, str]):
        self._news, news = os.pipe()
        orders, self._orders = os.pipe()
        self._heard = b""
        self.lines = 0
        """Of its workload, when it has looked at that; 0 for a pipe, of which nobody knows."""
        for end in (news, orders):
            os.set_inheritable(end, True)
        try:
            self._child = modules.start(environment, "operators", "load", "--held", str(news), str(orders))
        finally:
            os.close(news)
            os.close(orders)

    def __enter__(self) -> "Driver":
        return self

    def __exit__(self, *_: object) -> None:
        foreground.end(self._child)
        for end in (self._news, self._orders):
            os.close(end)

    def refuses(self) -> int | None:
        """Waits until it has looked at what it was given; its exit code where it will not run with that."""
        while not (checked := self._hears(CHECKED, foreground.PAUSE_S)):
            if self._child.poll() is not None:
                return foreground.wait_for(self._child)
        if checked[1] != b"-":
            self.lines = int(checked[1])
        return None

    def run(self, environment: dict[str, str], on_begun: Callable[[], None], meanwhile: Callable[[], object]) -> int:
        """Lets it run with these variables; returns its exit code. `on_begun` is called once, when it publishes."""
        with suppress(BrokenPipeError):  # it has ended meanwhile: its exit code says why
            os.write(self._orders, json.dumps(environment).encode() + b"\n")
        told = False

        def look() -> None:
            nonlocal told
            if not told and self._hears(BEGUN, 0):
                told = True
                on_begun()
            meanwhile()

        try:
            return foreground.wait_for(self._child, look)
        finally:
            look()

    def _hears(self, news: re.Pattern[bytes], seconds: float) -> re.Match[bytes] | None:
        """What it has said of this, now or within so many seconds."""
        if select.select([self._news], [], [], seconds)[0]:
            said = os.read(self._news, 4096)
            self._heard += said
            if not said:  # it has ended, or is about to
                time.sleep(min(seconds, foreground.PAUSE_S / 10))
        return news.search(self._heard)
