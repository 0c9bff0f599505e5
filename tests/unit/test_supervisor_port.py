"""supervisord's port after supervisord has ended: another program there is never taken for supervisord."""

import socket
import threading
from collections.abc import Iterator

import pytest

from deploy.stack.failure import StackError
from deploy.stack.record import Record
from deploy.supervision import supervisor

NUMBER = b"<methodResponse><params><param><value><int>%s</int></value></param></params></methodResponse>"


def http(body: bytes) -> bytes:
    return b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


ANSWERS = {
    "a web page": http(b"<html><body>hello</html>"),
    "JSON": http(b'{"state": 1}'),
    "other XML": http(b"<a><b>1</b></a>"),
    "another method's answer": http(NUMBER % b"3"),
    "a number that is none": http(NUMBER % b"three"),
    "half an answer": http(NUMBER)[:-20],
    "a refusal": b"HTTP/1.0 401 Unauthorized\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH\r\n",
    "nothing": b"",
    "silence": None,
}


@pytest.fixture
def port(request) -> Iterator[int]:
    """Port that answers one connection as the test's parameter says, or stays silent and keeps it open."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        kept = []

        def serve() -> None:
            connection, _ = server.accept()
            kept.append(connection)
            if request.param is not None:
                connection.recv(65_536)
                connection.sendall(request.param)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()
        for connection in kept:
            connection.close()


@pytest.mark.parametrize("port", ANSWERS.values(), ids=ANSWERS, indirect=True)
def test_a_port_that_another_program_has_is_no_supervisor(port, monkeypatch):
    monkeypatch.setattr(supervisor, "STATE_SECONDS_MAX", 0.2)
    assert supervisor.running(Record(ports={"supervisor": port})) is False


@pytest.mark.parametrize("port", [ANSWERS["a web page"]], ids=["a web page"], indirect=True)
def test_a_supervisor_that_is_gone_is_named_with_what_to_do(port):
    with pytest.raises(StackError, match="`make down`"):
        supervisor.processes(Record(ports={"supervisor": port}))
