"""A finished run for the tests of verification: made once by real processes, then only copied.

Asserts nothing but that the run itself went well.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from bench.processes import ROOT
from tests import forging
from tests.e2e.system import System
from tests.restored_database import RestoredDatabase

WORKLOAD = ROOT / "workloads" / "small.txt"


@dataclass(frozen=True)
class FinishedRun:
    """Finished run. `copy`: copy of its database; `dump`: file of its last DUMPLOG."""

    copy: RestoredDatabase
    dump: Path

    @contextlib.contextmanager
    def copied(self) -> Iterator[str]:
        """Yields the URL of a copy that a test may spoil. One use at a time."""
        url = self.copy.taken()
        with psycopg.connect(url) as connection:
            forging.allow(connection)
        yield url


def run(amqp_url: str, database_url: str, folder: Path) -> Path:
    """Runs the small workload to its end and stops all processes; returns the file of its DUMPLOG."""
    system = System(amqp_url, database_url, folder)
    try:
        system.start()
        driver = system.load(WORKLOAD, folder / "report.json")
        assert driver.wait(timeout=90) == 0, system.log("loadtest")
        assert set(system.stop().values()) == {0}
    finally:
        system.destroy()
    return system.dump_dir / "testLOG"


@contextlib.contextmanager
def database(administration: str, name: str, template: str) -> Iterator[str]:
    """Makes a database of this name from the template; yields its URL, and drops it afterwards."""
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    url = make_url(administration).set(drivername="postgresql", database=name)
    yield url.render_as_string(hide_password=False)
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
