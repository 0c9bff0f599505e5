"""Addresses of RabbitMQ that the stack gives to its processes and to shells: each has the rights of one role."""

from urllib.parse import urlsplit

import pytest

from deploy.stack.broker_roles import for_shell, with_role
from deploy.stack.failure import StackError
from deploy.stack.profiles import LIVE, LOADTEST, TEST, urls_of
from deploy.stack.record import GIVEN, PRIVATE, Record
from deploy.supervision import processes

RECORD = Record(kind=PRIVATE, ports={"amqp": 1, "postgres": 2})
GIVEN_RECORD = Record(kind=GIVEN, amqp_url="amqp://ann:secret@mq.example/v", database_url="postgresql://h/d")

ROLES = {
    "quotecache": "quotecache",
    "transactions": "transactions",
    "triggers": "triggers",
    "audit": "audit",
}


def user(environment: dict[str, str]) -> str:
    return (urlsplit(environment["AMQP_URL"]).username or "").removeprefix("daytrade.")


def test_every_worker_connects_as_its_role() -> None:
    made = processes.programs(LIVE, urls_of(RECORD, LIVE), 2, "127.0.0.1:1", own_quote_server=False)
    kinds = {program.name.removeprefix("live.").rstrip("-12"): program for program in made}
    assert {kind: user(program.environment) for kind, program in kinds.items()} == ROLES


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (("webapp",), "web"),
        (("webapp.live",), "web"),
        (("webapp.demo",), "web"),
        (("producers.market_simulation",), "producers"),
        (("operators", "load", "--held"), "producers"),
        (("operators", "replay"), "operator"),
        (("operators", "dead-letters", "list"), "operator"),
        (("operators", "declare", "--fresh"), "setup"),
        (("pytest",), "setup"),
    ],
)
def test_every_module_connects_as_its_role(command: tuple[str, ...], role: str) -> None:
    assert user(with_role(urls_of(RECORD, LIVE).environment, *command)) == role
    assert user(with_role(urls_of(GIVEN_RECORD, LIVE).environment, *command)) == "ann"


@pytest.mark.parametrize(
    ("profile", "name", "role"),
    [
        (LIVE, "", "operator"),
        (LOADTEST, "", "operator"),
        (TEST, "", "setup"),
        (LIVE, "setup", "setup"),
        (TEST, "web", "web"),
    ],
)
def test_a_shell_has_the_rights_of_the_operator_unless_it_names_a_role(profile: str, name: str, role: str) -> None:
    assert user(for_shell(RECORD, profile, name)) == role
    assert user(for_shell(GIVEN_RECORD, profile, name)) == "ann"


def test_a_role_that_there_is_not_is_refused() -> None:
    with pytest.raises(StackError, match="ROLE=root: must be one of setup, web"):
        for_shell(RECORD, LIVE, "root")
