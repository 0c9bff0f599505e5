"""Addresses with several hosts: a host that is away or hangs costs a bounded time, and another one is used."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from bench.processes import free_port
from database.migrate import migrate
from deploy.servers import database as deploy_database
from deploy.supervision import readiness
from rabbitmq import connection as broker_connection
from rabbitmq.connection import open_connection
from schema.errors import BrokerError, StoreError
from tests.integration.broker import Relay
from tests.integration.test_libpq_variables import CLIENTS, by_pool


@contextmanager
def silent_host() -> Iterator[str]:
    """An address at which connections are accepted and nothing ever answers, as of a frozen server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def away() -> str:
    return f"127.0.0.1:{free_port()}"


def with_hosts(url: str, *before: str) -> str:
    """The same address with other hosts before its own."""
    login, _, rest = url.rpartition("@")
    return f"{login}@{','.join([*before, rest])}"


def test_a_broker_is_reached_although_two_of_its_hosts_are_down(amqp_url, monkeypatch) -> None:
    monkeypatch.setattr(broker_connection.random, "sample", lambda hosts, _: hosts)  # the real host is the last one
    url = with_hosts(amqp_url, away(), away())
    with closing(open_connection(url, "tests", patience_seconds=0)) as connection:
        connection.channel()
    assert readiness.amqp_answers(url)


def test_a_host_that_never_answers_costs_a_bounded_time(amqp_url, monkeypatch) -> None:
    monkeypatch.setattr(broker_connection.random, "sample", lambda hosts, _: hosts)
    monkeypatch.setattr(broker_connection, "HOST_SECONDS_MAX", 0.3)
    with silent_host() as host:
        began = time.monotonic()
        open_connection(with_hosts(amqp_url, host), "tests", patience_seconds=0).close()
    assert time.monotonic() - began < 5


def test_connections_are_spread_over_the_hosts(amqp_url) -> None:
    relays = Relay(amqp_url), Relay(amqp_url)
    try:
        second = relays[1].url.rpartition("@")[2].partition("/")[0]
        for _ in range(20):  # all to one host: once in 500,000 runs
            open_connection(with_hosts(relays[0].url, second), "tests", patience_seconds=0).close()
        assert all(relay.accepted for relay in relays)
    finally:
        for relay in relays:
            relay.close()


def test_the_error_names_each_host_with_its_reason_in_one_line() -> None:
    hosts = away(), away()
    with pytest.raises(BrokerError, match=r"none of the 2 hosts in AMQP_URL .* [^\n]*$") as refused:
        open_connection(f"amqp://guest:secret@{','.join(hosts)}/", "tests", patience_seconds=0)
    assert all(host in str(refused.value) for host in hosts)
    assert "secret" not in str(refused.value)


def test_the_reason_why_no_database_answers_names_each_host_in_one_line() -> None:
    hosts = away(), away()
    reason = deploy_database.refusal(f"postgresql://u:secret@{','.join(hosts)}/d")
    assert "\n" not in reason
    assert all(host.partition(":")[2] in reason for host in hosts)


def in_the_path(url: str, *before: str) -> str:
    return with_hosts(url, *before)


def in_the_query(url: str, *before: str) -> str:
    """The same address with all hosts in libpq's parameters, and the one wanted that takes changes."""
    address, _, query = url.partition("?")
    login, _, place = address.rpartition("@")
    own, _, name = place.partition("/")
    hosts, ports = zip(*(host.split(":") for host in (*before, own)), strict=True)
    given = f"host={','.join(hosts)}&port={','.join(ports)}&target_session_attrs=read-write"
    return f"{login}@/{name}?{given}{'&' if query else ''}{query}"


@pytest.mark.parametrize("form", [in_the_path, in_the_query])
@pytest.mark.parametrize("ask", [*CLIENTS, lambda url, _: migrate(url) or (1,)])
def test_a_database_is_reached_although_another_of_its_hosts_is_down(database_url, form, ask) -> None:
    assert ask(form(database_url, away()), "SELECT 1") == (1,)


def test_a_database_host_that_never_answers_leaves_time_for_the_next_one(database_url) -> None:
    with silent_host() as host:
        assert by_pool(with_hosts(database_url, host), "SELECT 1") == (1,)


@pytest.mark.parametrize("form", [in_the_path, in_the_query])
def test_the_error_of_migrations_names_each_host_in_one_line(form) -> None:
    hosts = away(), away()
    with pytest.raises(StoreError, match=r"^cannot reach Postgres: [^\n]*$") as refused:
        migrate(form(f"postgresql://u:secret@{hosts[0]}/d", hosts[1]))
    assert all(host.partition(":")[2] in str(refused.value) for host in hosts)
    assert "secret" not in str(refused.value)
