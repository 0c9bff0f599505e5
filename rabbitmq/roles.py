"""Roles that processes have in RabbitMQ, and the senders of messages. Data and rules; nothing here connects.

Each role is a user of RabbitMQ with its name (`rights.py`). Each message bears the name of the user that published it,
which RabbitMQ checks against the user of the connection. So a reader knows which role said what.

On a server that its operator gave, one user of any other name may have all rights. Nothing can be told about senders
there: every message passes for one from the role that may send it.
"""

import enum
from collections.abc import Set
from dataclasses import dataclass

from schema.dead_letters import FORGED, FROM_NOBODY
from schema.errors import ForgedMessage


class BrokerRole(enum.StrEnum):
    """A role, and the name of its user."""

    WEB = "daytrade.web"
    PRODUCERS = "daytrade.producers"
    TRANSACTIONS = "daytrade.transactions"
    TRIGGERS = "daytrade.triggers"
    QUOTECACHE = "daytrade.quotecache"
    AUDIT = "daytrade.audit"
    OPERATOR = "daytrade.operator"


_EVERY_ROLE: Set[BrokerRole] = frozenset(BrokerRole)
_ROLES: dict[str, Set[BrokerRole]] = {role.value: frozenset({role}) for role in BrokerRole}


@dataclass(frozen=True, slots=True)
class Sender:
    """Publisher of a message: its user, as RabbitMQ has checked it ("" if the message names none), and its roles.

    `roles`: one role, or none for a user without one. All roles where one user has the rights of all.
    """

    user: str
    roles: Set[BrokerRole]

    def require(self, roles: Set[BrokerRole], what: str) -> None:
        """Raises ForgedMessage unless the sender has one of these roles. `what`: plural noun for such messages."""
        if self.roles.isdisjoint(roles):
            allowed = " or ".join(sorted(roles))
            this = f"this message from {self.user}" if self.user else FROM_NOBODY
            raise ForgedMessage(f"{FORGED}{what} come from {allowed}, and {this}")


ANYBODY = Sender("", _EVERY_ROLE)
"""Sender whose messages pass for those of any role."""


def role_named(user: str) -> BrokerRole | None:
    """The role of a user; None for a user without a role."""
    return BrokerRole(user) if user in _ROLES else None


def sender_of(own_user: str, user: str | None) -> Sender:
    """The sender of a message with this user's name, for a reader that is connected as `own_user`."""
    if own_user not in _ROLES:
        return ANYBODY
    return Sender(user or "", _ROLES.get(user or "", frozenset()))
