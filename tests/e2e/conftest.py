"""Fixture of the system's processes, one set per test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.system import System


@pytest.fixture
def system(amqp_url: str, database_url: str, tmp_path: Path) -> Iterator[System]:
    """A system that the test starts. Processes that still run at the end of the test are killed."""
    built = System(amqp_url, database_url, tmp_path)
    yield built
    built.destroy()
