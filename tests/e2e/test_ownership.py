"""Partitions change owners when a replica hangs or stops, and when a new one comes."""

import json
import signal
from collections import Counter

import pytest

from bench.processes import ROOT
from database.postgres import connect
from tests.e2e.system import System
from tests.e2e.test_loadtest import NO_VIOLATIONS

EVEN_SECONDS_MAX = 5.0
"""Longest time from a change of the live replicas until they share the partitions evenly."""

HANDOVER_SECONDS_MAX = 2.5
"""Longest time to take over from a replica that was told to stop: less than its lease of 3 s."""


@pytest.fixture
def connection(system: System):
    with connect(system.environment["DATABASE_URL"], "test") as opened:
        opened.autocommit = True
        yield opened


def shares(connection) -> dict[str, int]:
    """Returns how many partitions each live transaction worker owns."""
    owners = connection.execute(
        "SELECT split_part(owner, '@', 1) FROM partitions"
        " WHERE consumer_group = 'transactions' AND lease_until > clock_timestamp()"
    )
    return dict(Counter(owner for (owner,) in owners))


def live(connection) -> set[str]:
    """Returns the transaction workers that count as live."""
    replicas = connection.execute(
        "SELECT split_part(replica, '@', 1) FROM replicas"
        " WHERE consumer_group = 'transactions' AND live_until > clock_timestamp()"
    )
    return {replica for (replica,) in replicas}


@pytest.mark.alone
def test_partitions_are_even_soon_after_a_replica_comes_or_stops(system, connection, wait_for) -> None:
    system.start("quote-server", "quotecache", "transactions-0")
    wait_for(lambda: shares(connection) == {"transactions-0": 16})
    system.start("transactions-1")
    wait_for(lambda: live(connection) == {"transactions-0", "transactions-1"})
    wait_for(lambda: shares(connection) == {"transactions-0": 8, "transactions-1": 8}, EVEN_SECONDS_MAX)
    system.send("transactions-0", signal.SIGTERM)
    assert system.processes["transactions-0"].wait(timeout=60) == 0
    assert "transactions-0" not in shares(connection), "the replica released its leases, they did not expire"
    wait_for(lambda: shares(connection) == {"transactions-1": 16}, HANDOVER_SECONDS_MAX)


@pytest.mark.parametrize("point", ["in-copy", "after-commit"])
def test_an_owner_that_hangs_is_replaced_and_fenced(system: System, connection, wait_for, point: str) -> None:
    """A worker that hangs inside COPY holds locks on its partitions, and no timeout of Postgres would end that.

    The chaos rounds test a worker that hangs before its commit ("hang before-commit").
    """
    system.start("quote-server", "quotecache", "triggers", "audit", "transactions-1")
    system.start("transactions-0", FAULT_POINT=f"{point}:2:stop")
    wait_for(lambda: shares(connection) == {"transactions-0": 8, "transactions-1": 8})
    report_file = system.folder / "report.json"
    driver = system.load(ROOT / "workloads" / "small.txt", report_file)
    wait_for(lambda: shares(connection) == {"transactions-1": 16}, what="the other one owns all")
    system.send("transactions-0", signal.SIGCONT)
    assert driver.wait(timeout=90) == 0, system.log("loadtest")
    assert json.loads(report_file.read_text())["checks"] == NO_VIOLATIONS
    assert set(system.stop().values()) == {0}
