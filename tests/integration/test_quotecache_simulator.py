"""The simulator as a process over real TCP: its protocol, thousands of connections, reproducible, clean stop."""

import selectors
import signal
import socket
from collections.abc import Iterator

import pytest

from bench.processes import free_port
from tests.integration.quotecache_processes import ended, hits, listening, running

CONNECTIONS = 3_000


@pytest.fixture
def environment() -> dict[str, str]:
    # The simulator uses no other server, but its settings require the addresses.
    unused = {"AMQP_URL": "amqp://unused", "DATABASE_URL": "postgresql://unused"}
    return unused | {"QUOTE_SERVER": f"127.0.0.1:{free_port()}", "QUOTES": "instant", "QUOTE_SEED": "5"}


@pytest.fixture
def address(environment) -> tuple[str, int]:
    host, port = environment["QUOTE_SERVER"].split(":")
    return host, int(port)


@pytest.fixture
def simulator(environment, address, wait_for) -> Iterator:
    with running("quotecache.simulator", environment) as process:
        wait_for(lambda: listening(address), what="it listens")
        yield process


def asked(address: tuple[str, int], request: bytes) -> bytes:
    with socket.create_connection(address, 10) as connection:
        connection.sendall(request)
        received = b""
        while data := connection.recv(4_096):
            received += data
    return received


def test_a_request_gets_one_line_and_the_connection_closes(simulator, address):
    fields = asked(address, b"ABC,jane\n").decode().removesuffix("\n").split(",")
    assert fields[1:3] == ["ABC", "jane"] and len(fields) == 5 and len(fields[4]) == 56
    assert asked(address, b"ABCD,jane\n") == b""
    assert asked(address, b"x" * 1_000 + b"\n") == b""
    assert hits(address) == hits(address, "ABC") == 1


def test_a_request_in_pieces_is_one_request(simulator, address):
    with socket.create_connection(address, 10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (b"AB", b"C,ja", b"ne\n"):
            connection.sendall(piece)
        assert connection.recv(4_096).split(b",")[1:3] == [b"ABC", b"jane"]


def test_a_seed_gives_the_same_answers_after_a_restart(simulator, environment, address, wait_for):
    def prices(symbols: str) -> dict[str, list[bytes]]:
        answers = {symbol: [] for symbol in symbols}
        for symbol in symbols * 3:
            price, *_, key = asked(address, f"{symbol},jane\n".encode()).split(b",")
            answers[symbol].append((price, key))
        return answers

    first = prices("ABC")
    assert ended(simulator) == 0
    with running("quotecache.simulator", environment):
        wait_for(lambda: listening(address))
        assert prices("CBA") == first


def test_thousands_of_connections_at_once_are_answered(simulator, address):
    selector = selectors.DefaultSelector()
    for number in range(CONNECTIONS):
        connection = socket.create_connection(address, 10)
        connection.sendall(b"%s,jane\n" % (b"ABC" if number % 2 else b"DEF"))
        selector.register(connection, selectors.EVENT_READ)
    answered = 0
    while selector.get_map() and (ready := selector.select(10)):
        for key, _ in ready:
            answered += key.fileobj.recv(4_096).endswith(b"\n")
            selector.unregister(key.fileobj)
            key.fileobj.close()
    selector.close()
    assert answered == CONNECTIONS == hits(address)


def test_sigterm_ends_it_cleanly_with_connections_open(simulator, address):
    with socket.create_connection(address, 10) as idle:
        idle.sendall(b"AB")
        assert ended(simulator, signal.SIGTERM) == 0
