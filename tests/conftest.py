"""Fixtures of all tests: real servers, emptied for each test, and waits for conditions.

No test may sleep or mock a server.
"""

import os
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import make_url
from xdist.remote import Producer

from database.migrate import migrate
from deploy.stack.caller import leave_for_tests
from tests import sharing
from tests.emptied_vhost import EmptiedVhost
from tests.interrupts import end_once
from tests.restored_database import RestoredDatabase

settings.register_profile("daytrade", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("daytrade")


def pytest_configure() -> None:
    """Makes SIGTERM end a run like Ctrl-C does, so that nothing that fixtures have started stays behind."""
    end_once()
    leave_for_tests()
    sharing.take_namespace()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the tests that take longest first, if several processes share the tests."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: sharing.turn_of(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> sharing.Groups:
    """Keeps tests of one running site in one process, if several processes share the tests."""
    return sharing.Groups(config, log)


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        pytest.exit(f"{name} is not set: run the tests with `make test`, which starts the servers", returncode=2)
    return value


def _plain(url) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(autouse=True)
def _logging_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps verbs that a test calls from setting logging up for that test's standard error, which is closed later."""
    monkeypatch.setattr("runtime.log_setup.set_up_logging", lambda *_, **__: None)


@pytest.fixture(scope="session")
def _template() -> Iterator[tuple[str, str]]:
    """Migrated database, of which the tests use copies: a copy takes 50 ms, migrating 500."""
    url = make_url(_setting("DATABASE_URL"))
    administration, name = _plain(url), f"{url.database}_template"
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    migrate(_plain(url.set(database=name)))
    yield administration, name
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def _restored_database(_template) -> Iterator[RestoredDatabase]:
    administration, template = _template
    database = RestoredDatabase(administration, template, f"{template}_clone")
    yield database
    database.drop()


@pytest.fixture
def database_url(_restored_database) -> str:
    """A database for one test, as the migrations leave it."""
    return _restored_database.taken()


@pytest.fixture(scope="session")
def _emptied_vhost() -> Iterator[EmptiedVhost]:
    vhost = EmptiedVhost(_setting("AMQP_URL"))
    yield vhost
    vhost.close()


@pytest.fixture
def amqp_url(_emptied_vhost) -> str:
    """A vhost whose topology is declared and empty."""
    return _emptied_vhost.taken()


@pytest.fixture(scope="session")
def wait_for() -> Callable:
    """`wait_for(condition, seconds=60, what="")` returns the first true value, or fails with `what` after `seconds`."""

    def wait(condition: Callable[[], object], seconds: float = 60, what: str | Callable[[], str] = "") -> object:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {seconds:g} s: {what() if callable(what) else what or condition}")
            _breathe()
        return value

    return wait


def _breathe() -> None:
    # Pause between two checks of a condition that another process fulfils; no test relies on its length.
    time.sleep(0.01)
