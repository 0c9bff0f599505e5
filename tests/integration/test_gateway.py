"""The site's gateway on a real broker: when it may say that it accepts orders."""

from collections.abc import Iterator

import pytest

from tests.integration.broker import Relay, declare_again, delete_stream
from webapp.gateway import Gateway


@pytest.fixture
def gateway(relay: Relay) -> Iterator[Gateway]:
    gateway = Gateway(relay.url, "test")
    yield gateway
    gateway.close()


def test_the_gateway_is_not_up_while_the_broker_has_no_command_logs(amqp_url, relay, gateway, wait_for) -> None:
    delete_stream(amqp_url, 0)
    gateway.start()
    seen_up = []
    wait_for(lambda: seen_up.append(gateway.up) or relay.accepted >= 3, what="three attempts")
    assert not any(seen_up)
    declare_again(amqp_url)
    wait_for(lambda: gateway.up)


def test_the_gateway_is_not_up_while_the_broker_does_not_answer(relay, gateway, wait_for) -> None:
    relay.mute = True
    gateway.start()
    wait_for(lambda: relay.accepted, what="an attempt")
    assert not gateway.up
    relay.mute = False
    relay.cut()
    wait_for(lambda: gateway.up)
