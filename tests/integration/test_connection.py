"""A broker that is not there: what is raised, and that it is said in one line."""

import pytest

from rabbitmq.connection import open_connection
from schema.errors import BrokerError
from tests.chaos.ports import free_port


def test_a_broker_that_refuses_is_one_error_and_no_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BrokerError, match="RabbitMQ: AMQPConnectionError"):
        open_connection(f"amqp://guest:guest@127.0.0.1:{free_port()}/", "tests", patience_seconds=0.3)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("pika")] == []
