"""The ground of the chaos tests: on the test stack, which is ours to kill where deploy has started it."""

from collections.abc import Iterator

import pytest

from tests.chaos.ground import Ground


@pytest.fixture(scope="package")
def ground(server_urls: tuple[str, str]) -> Iterator[Ground]:
    ground = Ground(*server_urls)
    yield ground
    ground.clear()
