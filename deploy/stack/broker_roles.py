"""Roles in RabbitMQ of the modules that the stack runs. Each gets the address for its role, and no other. No I/O."""

from collections.abc import Mapping
from typing import Final

from deploy.stack.failure import StackError
from deploy.stack.profiles import TEST, urls_of
from deploy.stack.record import Record
from rabbitmq.rights import url_for
from rabbitmq.roles import BrokerRole

LOAD: Final = ("operators", "load")
PREFIX: Final = "daytrade."
"""Beginning of the names of users, which `ROLE` leaves out."""

SETUP: Final = "setup"

ROLES = {
    ("consumers.transactions",): BrokerRole.TRANSACTIONS,
    ("consumers.triggers",): BrokerRole.TRIGGERS,
    ("consumers.audit",): BrokerRole.AUDIT,
    ("quotecache",): BrokerRole.QUOTECACHE,
    ("webapp",): BrokerRole.WEB,
    ("webapp.live",): BrokerRole.WEB,
    ("webapp.demo",): BrokerRole.WEB,
    ("producers.market_simulation",): BrokerRole.PRODUCERS,
    LOAD: BrokerRole.PRODUCERS,
    ("operators", "replay"): BrokerRole.OPERATOR,
    ("operators", "dead-letters"): BrokerRole.OPERATOR,
    ("operators", "check-streams"): BrokerRole.OPERATOR,
}
"""Roles by module, or by module and verb. All others get the address of the set-up user: `declare`, tests, benchmarks.
"""


def with_role(environment: Mapping[str, str], module: str, *arguments: str) -> dict[str, str]:
    """Returns the environment for a module, with the address of its role in AMQP_URL if that is set."""
    role = ROLES.get((module,)) or ROLES.get((module, *arguments[:1]))
    return _with_url_for(role, environment) if role else dict(environment)


def for_shell(record: Record, profile: str, name: str) -> dict[str, str]:
    """Returns the addresses for a shell with the rights of the role `name`.

    Without a name: those of the operator, or of the set-up user for tests. Raises StackError if there is no such role.
    """
    environment = urls_of(record, profile).environment
    roles = {role.removeprefix(PREFIX): role for role in BrokerRole}
    if (name or (SETUP if profile == TEST else "operator")) == SETUP:
        return environment
    if name and name not in roles:
        raise StackError(f"ROLE={name}: must be one of {', '.join((SETUP, *roles))}")
    return _with_url_for(roles[name or "operator"], environment)


def _with_url_for(role: BrokerRole, environment: Mapping[str, str]) -> dict[str, str]:
    own = {"AMQP_URL": url_for(role, environment["AMQP_URL"])} if "AMQP_URL" in environment else {}
    return {**environment, **own}
