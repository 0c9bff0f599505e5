"""Choice, start and stop of this stack's servers: given ones, containers, or private processes.

Given servers are never started or stopped. This module knows nothing of workers.
"""

import os

from database import roles
from database.beside import refuse_anothers
from database.libpq_urls import beside, name_of
from deploy.servers import (
    browser,
    container,
    database,
    given,
    installed,
    needs,
    postgres_data,
    private,
    reverse_proxy,
)
from deploy.stack.failure import StackError
from deploy.stack.paths import POSTGRES_DATA
from deploy.stack.profiles import (
    LIVE,
    LOADTEST,
    NAMESPACES,
    PROFILES,
    REPLAYED,
    SITE,
    TEST,
    TEST_NAMESPACES,
    Urls,
    all_urls,
    superuser_url,
    urls_of,
)
from deploy.stack.progress import say
from deploy.stack.record import CONTAINER, GIVEN, PRIVATE, Kind, Record, load
from deploy.supervision import leftovers, readiness, supervisor
from rabbitmq.rights import url_for
from rabbitmq.roles import BrokerRole
from schema.errors import DayTradeError

GIVEN_SECONDS_MAX = 15


def start(record: Record, only_postgres: bool = False) -> None:
    """Starts the servers; returns when they answer. This stack's own servers then have a database for each profile."""
    record.kind = _choose(record)
    if record.kind == GIVEN:
        record.save()
        _wait_for_given(record, only_postgres)
        return
    if record.kind == CONTAINER and not _start_containers(record, only_postgres):
        record.kind = PRIVATE
    if record.kind == PRIVATE:
        needs.require(with_broker=not only_postgres)
        private.start(
            record,
            (private.POSTGRES,) if only_postgres else (private.EPMD, private.RABBITMQ, private.POSTGRES),
        )
    database.ensure_roles(superuser_url(record), record.database_password)
    for profile in PROFILES:
        ensure_database(record, profile)


def are_private(record: Record) -> bool:
    """Whether `start` would use servers with data on this checkout's disk. Raises StackError."""
    return _choose(record) == PRIVATE


def install(for_tests: bool) -> None:
    """Installs the programs that a start would need and that are missing. Raises StackError."""
    if are_private(load()):
        installed.ensure()
    if for_tests:
        browser.ensure()
        reverse_proxy.ensure()


def running(record: Record) -> bool:
    """Whether this stack's own servers run, or any other process that `stop` would end."""
    if record.kind == CONTAINER and container.running(record):
        return True
    return supervisor.running(record)


def stop(record: Record) -> None:
    """Stops workers first, then servers, then processes that supervisord no longer supervises."""
    if supervisor.running(record):
        try:
            for profile in (SITE, *PROFILES):
                supervisor.set_workers(record, profile, [])
        except StackError as error:  # an earlier version of this project started it, with a configuration of its own
            say(f"{error}; ending all processes now")
        supervisor.shut_down(record)
    count = leftovers.end_all()
    if count:
        say(f"Ended {count} processes that ran without a supervisor")
    if record.kind == CONTAINER or (not record.kind and container.engine()):  # a lost record does not name the kind
        container.stop(record)


def forget(record: Record) -> None:
    """Drops all data outside .stack; the caller removes the folder itself."""
    if record.kind in (CONTAINER, "") and container.engine():
        container.stop(record, with_data=True)
    postgres_data.remove()


def ensure_database(record: Record, profile: str) -> None:
    """Creates a profile's database if it is missing; for the tests on own servers, one for each namespace."""
    for namespace in TEST_NAMESPACES if profile == TEST and record.kind != GIVEN else (None,):
        database.ensure_database(_admin(record), urls_of(record, profile, namespace).database, _owner(record))


def refuse_to_empty_live_streams(record: Record) -> None:
    """Raises StackError if the streams are the live system's. Tests and load tests begin by emptying all streams."""
    if record.kind == GIVEN and database.has_read_streams(urls_of(record, LIVE).database):
        raise StackError(
            "this command empties the streams at AMQP_URL, which the live system on DATABASE_URL uses;"
            " name another vhost and database, or unset both variables to use private servers"
        )


def refuse_to_drop_anothers(record: Record) -> None:
    """Raises StackError if a load test on given servers would drop a database of another program."""
    if record.kind != GIVEN:
        return
    for namespace in NAMESPACES:
        url = urls_of(record, LOADTEST, namespace).database
        for one in (url, beside(url, REPLAYED)):
            try:
                refuse_anothers(record.database_url, one)
            except DayTradeError as error:
                raise StackError(str(error)) from error


def recreate_database(record: Record, urls: Urls) -> None:
    assert urls != urls_of(record, LIVE), "live data are never dropped"
    database.recreate_database(_admin(record), urls.database, _owner(record))


def drop_database(record: Record, urls: Urls) -> None:
    """Drops a database, and the one that a replay built beside it."""
    assert urls != urls_of(record, LIVE), "live data are never dropped"
    for one in (urls.database, beside(urls.database, REPLAYED)):
        database.drop_database(_admin(record), name_of(one))


def _admin(record: Record) -> str:
    return record.database_url if record.kind == GIVEN else superuser_url(record)


def _owner(record: Record) -> str | None:
    return None if record.kind == GIVEN else roles.OWNER


def _choose(record: Record) -> Kind:
    """Chooses given servers if there are any, else those with this checkout's data, else a container engine."""
    amqp, postgres = os.environ.get("AMQP_URL", ""), os.environ.get("DATABASE_URL", "")
    if bool(amqp) != bool(postgres):
        raise StackError("set both AMQP_URL and DATABASE_URL, or neither")
    if amqp:
        given.require_addresses(amqp, postgres)
    if amqp and not _are_our_own(record, amqp, postgres):
        if running(record) and (record.kind, record.amqp_url, record.database_url) != (GIVEN, amqp, postgres):
            raise StackError(
                "this stack runs on other servers than AMQP_URL and DATABASE_URL name: run `make down` first"
            )
        record.amqp_url, record.database_url = amqp, postgres
        return GIVEN
    if record.kind == GIVEN and running(record):
        return GIVEN
    if record.kind == CONTAINER:
        return CONTAINER
    if POSTGRES_DATA.exists():
        return PRIVATE
    return CONTAINER if container.engine() else PRIVATE


def _are_our_own(record: Record, amqp: str, postgres: str) -> bool:
    """Whether the addresses are those that `make env` printed: then the servers are this stack's own."""
    if record.kind in ("", GIVEN) or not {"amqp", "postgres"} <= record.ports.keys():
        return False
    own = all_urls(record)
    brokers = [url for urls in own for url in (urls.amqp, *(url_for(role, urls.amqp) for role in BrokerRole))]
    return amqp in brokers and postgres in [urls.database for urls in own]


def _start_containers(record: Record, only_postgres: bool) -> bool:
    try:
        container.start(record, (container.POSTGRES,) if only_postgres else (container.RABBITMQ, container.POSTGRES))
    except StackError as error:
        if record.ports:  # the containers may hold data already: do not switch to others
            raise
        say(f"{error}. Trying private processes instead")
        return False
    return True


def _wait_for_given(record: Record, only_postgres: bool) -> None:
    urls = urls_of(record, LIVE)
    try:
        readiness.wait_until(
            lambda: database.answers(urls.database), "the Postgres that DATABASE_URL names", GIVEN_SECONDS_MAX
        )
    except StackError as error:
        raise StackError(f"{error}: {database.refusal(urls.database)}") from error
    if not only_postgres:
        readiness.wait_until(
            lambda: readiness.amqp_answers(urls.amqp), "the RabbitMQ that AMQP_URL names", GIVEN_SECONDS_MAX
        )
