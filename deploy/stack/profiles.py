"""Profiles live, loadtest and test: each has a database and a vhost, so tests never see live data. No I/O."""

from dataclasses import dataclass, field
from typing import Final

from database import roles
from database.libpq_urls import beside, for_own_server
from deploy.stack.record import GIVEN, Namespace, Record
from rabbitmq.rights import SETUP_USER
from schema.grants import DatabaseRole

LIVE: Final = "live"
LOADTEST: Final = "loadtest"
TEST: Final = "test"
PROFILES = (LIVE, LOADTEST, TEST)
SITE = "site"  # not a profile: the site's processes run beside the workers of LIVE, on its data
NAMESPACES: tuple[Namespace, ...] = (1, 2)
"""Namespaces for load tests; a namespace is a database and a vhost. A new load test uses the one of the two that the
last one did not use, so that the last one's data are kept until the new one has begun."""
TEST_NAMESPACES = (1, 2)
"""Namespaces for the tests: one for each of the processes that share them."""
REPLAYED = "_replay"
"""Addition to a database's name that names the database in which it is replayed."""
LONGEST_SUFFIX = f"_{LOADTEST}_{NAMESPACES[-1]}{REPLAYED}"
"""Longest addition to a given database's name."""
HOST = "127.0.0.1"


NO_DATABASE = for_own_server("postgresql://none")
"""Address for a process that uses no database; nothing listens there."""


@dataclass(frozen=True)
class Urls:
    """Addresses of both servers. Those that `urls_of` returns have the rights of the owner of the tables, which only
    migrations, replay, tests and benchmarks need; `of_role` gives the addresses for any other process.
    """

    amqp: str = field(repr=False)  # both have passwords
    database: str = field(repr=False)

    @property
    def environment(self) -> dict[str, str]:
        return {"AMQP_URL": self.amqp, "DATABASE_URL": self.database}

    def of_role(self, role: DatabaseRole | None) -> "Urls":
        """Returns the addresses for a process with this role's rights in the database; None: it uses no database.

        On given servers, every process has the given user's rights.
        """
        return Urls(self.amqp, roles.url_for(role, self.database) if role else NO_DATABASE)


def urls_of(record: Record, profile: str, namespace: int | None = None) -> Urls:
    """Returns the addresses of a profile. This stack's own servers have a vhost and a database for each profile. On
    given servers, all profiles use the given vhost, and each has a database, named after the given one.

    `namespace`: that of a load test or of a process of the tests; None means the last load test's, or the first.
    """
    assert profile in PROFILES, profile
    if namespace is None:
        namespace = record.loadtest_namespace if profile == LOADTEST else 1
    name = vhost_of(profile, namespace)
    if record.kind == GIVEN:
        url = record.database_url
        return Urls(record.amqp_url, url if name == LIVE else beside(url, f"_{name}"))
    return Urls(
        f"amqp://{SETUP_USER}:{record.amqp_password}@{HOST}:{record.ports['amqp']}/{name}",
        for_own_server(
            f"postgresql://{roles.OWNER}:{record.database_password}@{HOST}:{record.ports['postgres']}/{name}"
        ),
    )


def vhost_of(profile: str, namespace: int) -> str:
    """Returns the name of the vhost (and of the database) of a profile in one of its namespaces."""
    return profile if namespace == 1 else f"{profile}_{namespace}"


def all_urls(record: Record) -> list[Urls]:
    """Returns the addresses of every profile, at each of its namespaces."""
    namespaces = {LIVE: (1,), LOADTEST: NAMESPACES, TEST: TEST_NAMESPACES}
    return [urls_of(record, profile, namespace) for profile in PROFILES for namespace in namespaces[profile]]


def other_namespace(record: Record) -> Namespace:
    """Returns the namespace of the next load test."""
    return next(namespace for namespace in NAMESPACES if namespace != record.loadtest_namespace)


def superuser_url(record: Record) -> str:
    """Returns the superuser's URL on this stack's own Postgres. This project uses a given
    server with the rights of the given user only.
    """
    assert record.kind != GIVEN
    return for_own_server(
        f"postgresql://postgres:{record.superuser_password}@{HOST}:{record.ports['postgres']}/postgres"
    )
