"""One running site, with its own database, for all tests here. Every test has its own people and symbols."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from argon2 import PasswordHasher
from sqlalchemy.engine import make_url

from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from tests.integration.web.website import Website
from webapp import passwords
from webapp.limits import limiter


@pytest.fixture(scope="package", autouse=True)
def _passwords_are_cheap() -> Iterator[None]:
    """Hashes passwords with the least effort: 50 logins in the CPU time of one with the site's own parameters."""
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", cheap)
        patch.setattr(passwords, "_NOBODYS_HASH", cheap.hash("a password that nobody has"))
        yield


@pytest.fixture(autouse=True)
def _limits_are_off_again() -> Iterator[None]:
    """Switches limits off again: the process has one limiter, and an app with limits switches it on for all apps."""
    yield
    if limiter.enabled:
        limiter.reset()
        limiter.enabled = False


@pytest.fixture(scope="package")
def website(_template, tmp_path_factory, wait_for) -> Iterator[Website]:
    administration, template = _template
    name = f"{template}_web"
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    amqp_url = os.environ["AMQP_URL"]
    broker = open_connection(amqp_url, "tests")
    declare(broker, fresh=True)
    broker.close()
    database_url = make_url(administration).set(database=name).render_as_string(hide_password=False)
    website = Website(amqp_url, database_url, tmp_path_factory.mktemp("website"))
    try:
        wait_for(lambda: website.app.test_client().get("/healthz").status_code == 200, what="the site is well")
        wait_for(website.is_at_work, 60, "the workers have begun")
        yield website
    finally:
        website.close()
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
