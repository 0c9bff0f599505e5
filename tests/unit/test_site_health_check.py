"""Health check of the site: it connects directly, and trusts only the process that it asks about."""

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from deploy.supervision import site


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Healthy)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_the_site_is_reached_directly_whatever_proxy_the_shell_names(name, port, monkeypatch):
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert site.answers(port, os.getpid())


def test_nobody_answers_at_a_closed_port():
    assert not site.answers(1, os.getpid())


def test_a_well_answer_of_another_program_on_the_site_s_port_does_not_count(port):
    assert not site.answers(port, os.getppid())


def test_a_site_that_does_not_run_does_not_answer(port):
    assert not site.answers(port, pid=0)
