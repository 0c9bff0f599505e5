"""What integration tests share beside real servers: one finished run, for those who judge what a run leaves."""

import os
from collections.abc import Iterator

import pytest

from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from tests.integration import finished_run
from tests.integration.finished_run import FinishedRun


@pytest.fixture(scope="session")
def finished(_template, tmp_path_factory) -> Iterator[FinishedRun]:
    """The small workload, run to its end by real processes that have stopped."""
    administration, template = _template
    amqp_url = os.environ["AMQP_URL"]
    connection = open_connection(amqp_url, "tests")
    declare(connection, fresh=True)
    connection.close()
    name = f"{template}_finished"
    with finished_run.database(administration, name, template) as url:
        dump = finished_run.run(amqp_url, url, tmp_path_factory.mktemp("finished"))
        yield FinishedRun(administration, name, dump)
