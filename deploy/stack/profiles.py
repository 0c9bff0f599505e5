"""A profile is a database and a vhost, so that a load test or the tests never see live data. Pure: no I/O."""

from dataclasses import dataclass
from typing import Final

from database.libpq_urls import beside, for_own_server
from deploy.stack.record import GIVEN, Place, Record

LIVE: Final = "live"
LOADTEST: Final = "loadtest"
TEST: Final = "test"
PROFILES = (LIVE, LOADTEST, TEST)
SITE = "site"  # no profile: the site's processes, beside the workers of LIVE and on its data
PLACES: tuple[Place, ...] = (1, 2)
"""A load test makes its database and vhost in the place that the last one does not have; so that one is kept until the
new one has begun."""
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Urls:
    amqp: str
    database: str

    @property
    def environment(self) -> dict[str, str]:
        return {"AMQP_URL": self.amqp, "DATABASE_URL": self.database}


def urls_of(record: Record, profile: str, place: int | None = None) -> Urls:
    """Own servers: one vhost and one database per profile. Given ones: the same vhost, databases beside the given.

    `place` of a load test; None: of the last one.
    """
    assert profile in PROFILES, profile
    name = profile
    if profile == LOADTEST and (place or record.loadtest_place) != PLACES[0]:
        name = f"{LOADTEST}_{place or record.loadtest_place}"
    if record.kind == GIVEN:
        url = record.database_url
        return Urls(record.amqp_url, url if name == LIVE else beside(url, f"_{name}"))
    return Urls(
        f"amqp://daytrade:{record.amqp_password}@{HOST}:{record.ports['amqp']}/{name}",
        for_own_server(f"postgresql://daytrade:{record.database_password}@{HOST}:{record.ports['postgres']}/{name}"),
    )


def other_place(record: Record) -> Place:
    """Where the next load test is made."""
    return next(place for place in PLACES if place != record.loadtest_place)


def superuser_url(record: Record) -> str:
    """Of our own servers; a given server is used with the rights that were given."""
    assert record.kind != GIVEN
    return for_own_server(
        f"postgresql://postgres:{record.superuser_password}@{HOST}:{record.ports['postgres']}/postgres"
    )
