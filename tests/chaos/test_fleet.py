"""The harness accounts for every process: it tells faults from other ends, and leaves nothing running."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.processes import free_port
from tests.chaos import fleet as module
from tests.chaos.fleet import Fleet
from tests.chaos.links import Links
from tests.chaos.plan import EVEN_SECONDS_MAX
from tests.chaos.recovery import Strike, uneven

SLOT = "quote-server-0"


@pytest.fixture
def fleet(tmp_path: Path, wait_for) -> Iterator[Fleet]:
    address = ("127.0.0.1", free_port())
    links = Links([SLOT], os.environ["AMQP_URL"], os.environ["DATABASE_URL"], address, tmp_path)
    fleet = Fleet(tmp_path, links, {"QUOTE_SERVER": f"127.0.0.1:{address[1]}", "QUOTES": "instant"})
    fleet.start(SLOT)
    wait_for(lambda: _listens(address))
    yield fleet
    fleet.destroy()
    links.close()


def test_a_killed_process_is_restarted_and_counts_as_no_death(fleet: Fleet, wait_for) -> None:
    assert fleet.kill(SLOT)
    _until_restarted(fleet, wait_for)
    assert fleet.deaths == []


def test_a_process_that_ended_before_the_kill_is_a_death(fleet: Fleet, wait_for) -> None:
    os.kill(fleet.lives[SLOT].process.pid, signal.SIGKILL)  # the fleet does not know who sent it
    wait_for(lambda: not fleet.alive(SLOT))
    assert not fleet.kill(SLOT) and not fleet.signal(SLOT, signal.SIGSTOP)
    _until_restarted(fleet, wait_for)
    assert fleet.deaths == [f"{SLOT} ended by itself with exit code -9"]


def test_a_process_that_dies_while_it_drains_is_a_death(fleet: Fleet) -> None:
    before = fleet.lives[SLOT].process
    fleet.signal(SLOT, signal.SIGSTOP)
    fleet.retire(SLOT)
    before.kill()
    fleet.replace(SLOT, "")
    assert (before.poll(), fleet.deaths) == (-9, [f"{SLOT} answered SIGTERM with exit code -9"])


def test_a_process_that_does_not_drain_is_a_death_and_ends_before_its_successor_starts(
    fleet: Fleet, monkeypatch
) -> None:
    monkeypatch.setattr(module, "EXIT_SECONDS_MAX", 0.0)
    before = fleet.lives[SLOT].process
    fleet.replace(SLOT, "")
    assert before.poll() is not None and fleet.alive(SLOT)
    assert fleet.deaths == [f"{SLOT} did not end within 0 s of SIGTERM"]


def test_a_slot_with_a_running_process_starts_no_second_one(fleet: Fleet) -> None:
    with pytest.raises(AssertionError, match="still runs"):
        fleet.start(SLOT)


def test_partitions_that_are_uneven_for_too_long_are_a_violation_where_limits_hold() -> None:
    slow, disturbed = (Strike("scale 1-4-2", "", 3.0, even_seconds=[0.6, 5.1], alone=alone) for alone in (True, False))
    assert uneven([slow, disturbed], limited=True) == [f"scale 1-4-2 at 3.0 s: 5.1 s, {EVEN_SECONDS_MAX} s at most"]
    assert uneven([slow], limited=False) == []


def _listens(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(address):
        return True
    return False


def _until_restarted(fleet: Fleet, wait_for) -> None:
    before = fleet.lives[SLOT]

    def restarted() -> bool:
        fleet.look()
        return fleet.lives[SLOT] is not before

    wait_for(restarted)
