"""Rights in RabbitMQ as data: what no role has, whatever the tables say, and whose passwords open what."""

import re

import pytest

from rabbitmq.rights import SETUP_USER, definitions, password_of, rights_of, setup_rights, url_for
from rabbitmq.roles import BrokerRole
from rabbitmq.topology import EXCHANGES, PUBLISHERS, QUEUES

DEFAULT_EXCHANGE = "amq.default"
"""Name of the default exchange in RabbitMQ's rights."""

URL = f"amqp://{SETUP_USER}:secret@127.0.0.1:1/live"


@pytest.mark.parametrize("role", BrokerRole)
def test_no_role_changes_what_all_share_or_uses_the_default_exchange(role: BrokerRole) -> None:
    rights = rights_of(role)
    shared = [*EXCHANGES, *(queue.name for queue in QUEUES), "new", DEFAULT_EXCHANGE, f"x{role}.own"]
    assert not [name for name in shared if re.search(rights.configure, name)]
    assert not re.search(rights.write, DEFAULT_EXCHANGE)
    assert not re.search(rights.read, DEFAULT_EXCHANGE)


def test_no_role_reads_an_exchange_that_it_publishes_to() -> None:
    """A role that could do both would hear messages of others in an exchange, and publish them there once more."""
    for role in BrokerRole:
        rights = rights_of(role)
        both = {one for one in EXCHANGES if re.search(rights.write, one) and re.search(rights.read, one)}
        # The log of record has the name of its exchange, so that the operator, who reads the log, has both rights.
        assert both == ({"audit"} if role is BrokerRole.OPERATOR else set())


def test_every_exchange_has_publishers() -> None:
    assert PUBLISHERS.keys() == EXCHANGES.keys()


def test_the_user_that_sets_up_publishes_no_command_no_fill_and_no_price() -> None:
    """It may bind the log of record, and so publish to the exchange of that name; readers refuse what it says there."""
    written = {exchange for exchange in EXCHANGES if re.search(setup_rights().write, exchange)}
    assert written == {"audit"}


def test_all_passwords_differ_and_the_address_of_a_role_has_its_own() -> None:
    passwords = {password_of(role, "secret") for role in BrokerRole} | {"secret"}
    assert len(passwords) == len(BrokerRole) + 1
    for role in BrokerRole:
        assert url_for(role, URL) == f"amqp://{role}:{password_of(role, 'secret')}@127.0.0.1:1/live"


@pytest.mark.parametrize("url", ["amqp://guest:guest@h/v", "amqp://h", "amqp://daytrade.web:x@h/v"])
def test_a_given_address_is_that_of_every_role(url: str) -> None:
    assert {url_for(role, url) for role in BrokerRole} == {url}


def test_all_rights_are_granted_in_the_vhosts_of_tests_only() -> None:
    made = definitions(["live"], ["test"], "secret")
    everything = {(one["user"], one["vhost"]) for one in made["permissions"] if one["write"] == ".*"}
    assert everything == {(SETUP_USER, "test")}
    assert "secret" not in str(made)
