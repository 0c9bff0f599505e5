"""Sharing of the tests among pytest's processes: each has its own namespace, and some tests stay together.

A namespace is a database and a vhost (`deploy/stack/profiles.py`), so that no process sees what another one does.
"""

import os
from collections.abc import MutableMapping
from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

from database.libpq_urls import beside

TOGETHER = ("tests/browser", "tests/integration/web")
"""Folders whose tests share one running site. One process runs all tests of such a folder."""

FIRST = (
    *TOGETHER,
    "tests/integration/test_verification.py",
    "tests/integration/test_dead_letters.py",
    "tests/e2e/test_ownership.py",
    "tests/integration/test_replay.py",
)
"""Groups of tests that take longest. They begin first, so that none still runs when all others have ended."""


def take_namespace(environment: MutableMapping[str, str] = os.environ) -> None:
    """Gives this process of pytest-xdist its own AMQP_URL and DATABASE_URL; the first process keeps the given ones."""
    namespace = int(environment.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
    for name in ("AMQP_URL", "DATABASE_URL"):
        if namespace > 1 and name in environment:
            environment[name] = beside(environment[name], f"_{namespace}")


def group_of(nodeid: str) -> str:
    """Returns the group of a test: its file, or its folder if that is in TOGETHER. One process runs each group."""
    file = nodeid.partition("::")[0]
    folder = str(PurePosixPath(file).parent)
    return folder if folder in TOGETHER else file


def turn_of(nodeid: str) -> int:
    """Returns the rank of a test's group: groups of a lower rank begin earlier."""
    group = group_of(nodeid)
    return FIRST.index(group) if group in FIRST else len(FIRST)


class Groups(LoadScopeScheduling):
    """Distributes groups of tests, in the order of the collection, to processes that have little left to do."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
