"""TLS to RabbitMQ by `amqps://`: the authority in SSL_CERT_FILE decides which broker is believed."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rabbitmq.connection import open_connection
from rabbitmq.topology import QUEUES
from schema.errors import BrokerError
from tests.integration.tls_front import TlsFront, certificate


@pytest.fixture
def authority(tmp_path: Path, monkeypatch) -> Path:
    """The authority that this process trusts."""
    made = certificate(tmp_path, "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    return made


@pytest.fixture
def behind(amqp_url: str) -> Iterator:
    """`behind(certificate)` returns the address of a broker with TLS and that certificate."""
    parts = urlsplit(amqp_url)
    fronts: list[TlsFront] = []

    def url_of(server_certificate: Path) -> str:
        fronts.append(TlsFront((parts.hostname, parts.port), server_certificate, request=b""))
        login = parts.netloc.rpartition("@")[0]
        return parts._replace(scheme="amqps", netloc=f"{login}@127.0.0.1:{fronts[-1].port}").geturl()

    yield url_of
    for front in fronts:
        front.close()


def test_a_broker_is_reached_by_tls_if_the_authority_has_signed_its_certificate(authority, behind, tmp_path):
    connection = open_connection(behind(certificate(tmp_path, "broker", authority)), "test")
    connection.require_queues(queue.name for queue in QUEUES)
    connection.close()


@pytest.mark.parametrize("fault", ["signed by another authority", "for another host"])
def test_a_broker_with_a_wrong_certificate_is_refused(fault, authority, behind, tmp_path):
    if fault == "for another host":
        wrong = certificate(tmp_path, "broker", authority, address="127.0.0.2")
    else:
        wrong = certificate(tmp_path, "broker", certificate(tmp_path, "another"))
    with pytest.raises(BrokerError, match="certificate"):
        open_connection(behind(wrong), "test", patience_seconds=0.5)
