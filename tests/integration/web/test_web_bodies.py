"""Requests with bodies, read or not, are answered under Flask's own server too, which passes on the bare socket."""

import http.client
import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import BaseWSGIServer, make_server

from tests.integration.web.website import Website

ANSWER_SECONDS_MAX = 20


@pytest.fixture(scope="module")
def development_server(website: Website) -> Iterator[BaseWSGIServer]:
    """Server that `flask run` starts."""
    server = make_server("127.0.0.1", 0, website.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/api/v1/commands", b'{"command": "ADD", "amount": "1.00"}', 202),
        ("/api/v1/commands", b"x" * 70_000, 413),
        ("/nowhere", b"x" * 1_000, 404),
        ("/api/v1/commands", b"", 400),
    ],
    ids=["read", "too large", "nobody's", "empty"],
)
def test_posts_are_answered_under_the_development_server(
    website: Website, development_server: BaseWSGIServer, path: str, body: bytes, status: int
) -> None:
    authorization = website.api(website.person()).authorization
    connection = http.client.HTTPConnection("127.0.0.1", development_server.port, timeout=ANSWER_SECONDS_MAX)
    connection.request("POST", path, body, {"Authorization": authorization, "Content-Type": "application/json"})
    with connection.getresponse() as response:
        assert response.status == status, response.read()
    connection.close()
