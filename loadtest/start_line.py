"""Protocol between `deploy/` and a load test that has checked its input and waits for its servers.

The load test checks its settings and its workload before `deploy/` starts servers or drops data for it. A pipe can be
read only once, so the process that checked the workload also runs it.
"""

import json
import os
from collections.abc import Mapping

from schema.errors import DayTradeError

CHECKED, BEGUN = "checked", "begun"
"""Messages from the load test, a line each. After CHECKED comes the number of the workload's lines, or `-`."""

UNKNOWN_SERVERS = {"AMQP_URL": "amqp://not-known-yet", "DATABASE_URL": "postgresql://not-known-yet"}
"""Placeholder addresses with which settings are checked before the servers are known."""


class CalledOff(DayTradeError):
    """Failure because the process that should start the servers has ended or could not start them."""


class StartLine:
    """Two pipes: `news`, through which the load test reports, and `orders`, which brings it the servers' addresses."""

    def __init__(self, news: int, orders: int):
        self._news = news
        self._orders = orders

    def wait(self, lines: int | None) -> Mapping[str, str]:
        """Reports that the workload is checked; returns the environment variables to run with. Raises CalledOff."""
        self._tell(f"{CHECKED} {'-' if lines is None else lines}")
        with os.fdopen(self._orders, "rb") as orders:
            line = orders.readline()
        if not line:
            raise CalledOff("the servers were not started")
        addresses: Mapping[str, str] = json.loads(line)
        return addresses

    def begun(self) -> None:
        """Reports that the first command is about to be published. Raises CalledOff."""
        self._tell(BEGUN)

    def _tell(self, news: str) -> None:
        try:
            os.write(self._news, f"{news}\n".encode())
        except BrokenPipeError as error:
            raise CalledOff("the process that started this load test has ended") from error
