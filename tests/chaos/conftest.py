"""Databases and topology of the chaos tests. Faults kill only the project's private servers, never given ones."""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.round_databases import RoundDatabases
from tests.chaos.shared_round import SharedRound


@pytest.fixture(scope="package")
def databases() -> Iterator[RoundDatabases]:
    urls = os.environ.get("AMQP_URL"), os.environ.get("DATABASE_URL")
    if not all(urls):
        pytest.exit("no servers: run the tests with `make test`, which starts them", returncode=2)
    databases = RoundDatabases(*urls)
    yield databases
    databases.clear()


@pytest.fixture(scope="package")
def shared_round(databases: RoundDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedRound]:
    shared_round = SharedRound(databases, tmp_path_factory.mktemp("chaos"))
    yield shared_round
    shared_round.close()
