"""Places of the processes that share the tests: none sees the servers as another one does."""

import pytest

from deploy.servers import broker_files
from deploy.stack.paths import ROOT
from deploy.stack.profiles import TEST, TEST_NAMESPACES, urls_of
from deploy.stack.record import PRIVATE, Record
from tests import sharing

RECORD = Record(kind=PRIVATE, ports={"amqp": 1, "postgres": 2})


@pytest.mark.parametrize("namespace", TEST_NAMESPACES)
def test_each_process_uses_a_database_and_a_vhost_that_the_stack_has_made_for_it(namespace: int) -> None:
    environment = urls_of(RECORD, TEST).environment | {"PYTEST_XDIST_WORKER": f"gw{namespace - 1}"}
    sharing.take_namespace(environment)
    theirs = urls_of(RECORD, TEST, namespace)
    assert (environment["AMQP_URL"], environment["DATABASE_URL"]) == (theirs.amqp, theirs.database)
    definitions = broker_files.definitions_of(RECORD)
    vhost = theirs.amqp.rpartition("/")[2]
    assert vhost in [one["name"] for one in definitions["vhosts"]]
    assert vhost in [one["vhost"] for one in definitions["permissions"]]


def test_without_other_processes_the_given_servers_are_used_as_they_are_given() -> None:
    environment = urls_of(RECORD, TEST).environment
    sharing.take_namespace(environment)
    assert environment == urls_of(RECORD, TEST).environment


def test_tests_of_one_running_site_stay_in_one_process_and_others_in_one_for_each_file() -> None:
    assert sharing.group_of("tests/browser/test_live.py::test_x[a::b]") == "tests/browser"
    assert sharing.group_of("tests/unit/test_money.py::test_x") == "tests/unit/test_money.py"


def test_every_group_that_begins_first_is_there() -> None:
    assert all((ROOT / group).exists() for group in sharing.FIRST)
