"""The ground of the chaos tests: on the test stack, which is ours to kill where deploy has started it."""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.ground import Ground


@pytest.fixture(scope="package")
def ground() -> Iterator[Ground]:
    urls = os.environ.get("AMQP_URL"), os.environ.get("DATABASE_URL")
    if not all(urls):
        pytest.exit("no servers: run the tests with `make test`, which starts them", returncode=2)
    ground = Ground(*urls)
    yield ground
    ground.clear()
