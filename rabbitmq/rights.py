"""Users of RabbitMQ and their rights, as data: one user for each role, and one that sets servers up.

RabbitMQ grants rights by the names of exchanges and queues. To publish to an exchange, to bind a queue, and to bind
from an exchange take the rights to write to the exchange, to write to the queue, and to read the exchange. A role
that binds queues makes them itself, under names that begin with its own.

Nothing here connects. `deploy/` gives the definitions to its broker; `docs/security.md` shows the rights as a table.
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from rabbitmq.roles import BrokerRole
from rabbitmq.topology import (
    ACCOUNTS_EXCHANGE,
    AUDIT_STREAM,
    EXCHANGES,
    PRICE_REQUESTS_QUEUE,
    PRICES_EXCHANGE,
    PUBLISHERS,
    REPLIES_EXCHANGE,
    TRIGGERS_EXCHANGE,
)
from schema import addresses

SETUP_USER = "daytrade.setup"
"""Name of the user that declares and deletes exchanges and queues. It publishes and reads nothing, except in tests."""

EARLIER_USER = "daytrade"
"""Name of the only user of earlier versions, who had all rights. RabbitMQ still has it in its data."""

EARLIER_DEAD_LETTERS = "dead-letters"

_SUBSCRIBERS = {
    PRICES_EXCHANGE: {BrokerRole.TRANSACTIONS, BrokerRole.TRIGGERS, BrokerRole.WEB},
    TRIGGERS_EXCHANGE: {BrokerRole.TRIGGERS},
    ACCOUNTS_EXCHANGE: {BrokerRole.WEB},
    REPLIES_EXCHANGE: {BrokerRole.WEB},
}
"""Roles that bind queues of their own to each exchange."""

_LOGS = r"commands\.[0-9]{2}"

_READERS = {
    _LOGS: {BrokerRole.TRANSACTIONS, BrokerRole.OPERATOR, BrokerRole.WEB},
    AUDIT_STREAM: {BrokerRole.AUDIT, BrokerRole.OPERATOR, BrokerRole.WEB},
    PRICE_REQUESTS_QUEUE: {BrokerRole.QUOTECACHE},
}
"""Roles that read each queue. The site shows operators how far the readers of the logs are behind. For that it has to
read the end of each log: RabbitMQ's own counts are seconds old."""


@dataclass(frozen=True)
class Rights:
    """Names of the exchanges and queues on which a user has each right, as regular expressions."""

    configure: str
    write: str
    read: str


ALL, NONE = Rights(".*", ".*", ".*"), Rights("^$", "^$", "^$")


def rights_of(role: BrokerRole) -> Rights:
    """The rights of a role's user in every vhost."""
    subscribed = [exchange for exchange, roles in _SUBSCRIBERS.items() if role in roles]
    own = [rf"{re.escape(role)}\..+"] if subscribed else []
    published = [exchange for exchange, roles in PUBLISHERS.items() if role in roles]
    queues = [queue for queue, roles in _READERS.items() if role in roles]
    return Rights(_any(own), _any(own + published), _any(own + queues + subscribed))


def setup_rights() -> Rights:
    """The rights of the user that sets up: it declares, deletes, binds, and empties the queue of earlier versions."""
    return Rights(".*", _any([_LOGS, AUDIT_STREAM, PRICE_REQUESTS_QUEUE]), _any([*EXCHANGES, EARLIER_DEAD_LETTERS]))


def definitions(vhosts: Iterable[str], test_vhosts: Iterable[str], setup_password: str) -> Mapping[str, object]:
    """RabbitMQ's definitions of users, vhosts and rights. Tests and benchmarks have all rights in `test_vhosts`."""
    users = {SETUP_USER: setup_password} | {role: password_of(role, setup_password) for role in BrokerRole}
    granted = {role: rights_of(role) for role in BrokerRole} | {SETUP_USER: setup_rights(), EARLIER_USER: NONE}
    places = dict.fromkeys(vhosts, granted) | dict.fromkeys(test_vhosts, granted | {SETUP_USER: ALL})
    return {
        "vhosts": [{"name": vhost} for vhost in places],
        "users": [_user(name, password_hash(password)) for name, password in users.items()] + [_user(EARLIER_USER, "")],
        "permissions": [
            {"user": user, "vhost": vhost, **asdict(rights)}
            for vhost, of_users in places.items()
            for user, rights in of_users.items()
        ],
    }


def password_of(role: BrokerRole, setup_password: str) -> str:
    """The password of a role's user, from which nobody can find the set-up user's or that of another role."""
    return hmac.digest(setup_password.encode(), role.encode(), hashlib.sha256).hex()[:32]


def url_for(role: BrokerRole, url: str) -> str:
    """The address for a role, from that of the set-up user. Any other user's address is returned as it is.

    A given server has the given user only.
    """
    user, password = addresses.login_of(url)
    if user != SETUP_USER:
        return url
    return addresses.with_login(url, role, password_of(role, password or ""))


def password_hash(password: str) -> str:
    """Hashes like `rabbitmqctl hash_password`: base64(salt + sha256(salt + password)), with a salt of 4 bytes."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _user(name: str, hashed: str) -> dict[str, object]:
    """A user in RabbitMQ's definitions. With an empty hash nobody can log in."""
    return {"name": name, "password_hash": hashed, "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": []}


def _any(names: Sequence[str]) -> str:
    """Pattern of these names and no others. No name of an exchange or queue has a character that means another one."""
    return f"^({'|'.join(names)})$" if names else "^$"
