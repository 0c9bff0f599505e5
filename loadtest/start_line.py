"""A load test that waits, checked, for its servers: what `deploy/` and the driver say to each other.

The driver looks into its settings and its workload before anything is started or dropped on its account. A pipe can be
read only once, so the process that looked is the one that runs.
"""

import json
import os
from collections.abc import Mapping

from schema.errors import DayTradeError

CHECKED, BEGUN = "checked", "begun"
"""The news, a line each; the first with the number of lines of the workload, or `-` where nobody knows."""

UNKNOWN_SERVERS = {"AMQP_URL": "amqp://not-known-yet", "DATABASE_URL": "postgresql://not-known-yet"}
"""What settings are checked with before the servers are known."""


class CalledOff(DayTradeError):
    """Whoever was to start the servers ended, or could not."""


class StartLine:
    """Two pipes: news go out by one, the servers' addresses come in by the other."""

    def __init__(self, news: int, orders: int):
        self._news = news
        self._orders = orders

    def wait(self, lines: int | None) -> Mapping[str, str]:
        """Says that all is checked, and how much there is; returns the variables to run with. Raises CalledOff."""
        self._tell(f"{CHECKED} {'-' if lines is None else lines}")
        with os.fdopen(self._orders, "rb") as orders:
            line = orders.readline()
        if not line:
            raise CalledOff("the servers were not started")
        addresses: Mapping[str, str] = json.loads(line)
        return addresses

    def begun(self) -> None:
        """Says that the first command is about to be published. Raises CalledOff."""
        self._tell(BEGUN)

    def _tell(self, news: str) -> None:
        try:
            os.write(self._news, f"{news}\n".encode())
        except BrokenPipeError as error:
            raise CalledOff("the process that started this load test has ended") from error
