"""Places of the processes that share the tests: none sees the servers as another one does."""

import json

import pytest

from deploy.stack.paths import ROOT
from deploy.stack.profiles import TEST, TEST_PLACES, urls_of
from deploy.stack.record import PRIVATE, Record
from tests import places

RECORD = Record(kind=PRIVATE, ports={"amqp": 1, "postgres": 2})


@pytest.mark.parametrize("place", TEST_PLACES)
def test_each_process_uses_a_database_and_a_vhost_that_the_stack_has_made_for_it(place: int) -> None:
    environment = urls_of(RECORD, TEST).environment | {"PYTEST_XDIST_WORKER": f"gw{place - 1}"}
    places.take(environment)
    theirs = urls_of(RECORD, TEST, place)
    assert (environment["AMQP_URL"], environment["DATABASE_URL"]) == (theirs.amqp, theirs.database)
    definitions = json.loads((ROOT / "rabbitmq" / "definitions.json").read_text())
    vhost = theirs.amqp.rpartition("/")[2]
    assert vhost in [one["name"] for one in definitions["vhosts"]]
    assert vhost in [one["vhost"] for one in definitions["permissions"]]


def test_without_other_processes_the_given_servers_are_used_as_they_are_given() -> None:
    environment = urls_of(RECORD, TEST).environment
    places.take(environment)
    assert environment == urls_of(RECORD, TEST).environment


def test_tests_of_one_running_site_stay_in_one_process_and_others_in_one_for_each_file() -> None:
    assert places.group_of("tests/browser/test_live.py::test_x[a::b]") == "tests/browser"
    assert places.group_of("tests/unit/test_money.py::test_x") == "tests/unit/test_money.py"


def test_every_group_that_begins_first_is_there() -> None:
    assert all((ROOT / group).exists() for group in places.FIRST)
