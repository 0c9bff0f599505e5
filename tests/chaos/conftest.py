"""Databases and topology of the chaos tests. Faults kill only the project's private servers, never given ones."""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.kept_round import KeptRound
from tests.chaos.round_databases import RoundDatabases


@pytest.fixture(scope="package")
def ground() -> Iterator[RoundDatabases]:
    urls = os.environ.get("AMQP_URL"), os.environ.get("DATABASE_URL")
    if not all(urls):
        pytest.exit("no servers: run the tests with `make test`, which starts them", returncode=2)
    ground = RoundDatabases(*urls)
    yield ground
    ground.clear()


@pytest.fixture(scope="package")
def kept(ground: RoundDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptRound]:
    kept = KeptRound(ground, tmp_path_factory.mktemp("chaos"))
    yield kept
    kept.close()
