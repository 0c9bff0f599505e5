"""Requests that never end do not hold up others: half a head, a dripping body, answers that nobody reads."""

import contextlib
import http.client
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from tests.integration.web.test_web_live import LiveProcess, Page
from tests.integration.web.web_process import WebProcess
from tests.integration.web.website import Website
from webapp.live.protocol import UNFINISHED_EACH_MAX

SOCKETS = 40
"""More than the site has threads."""

ANSWER_SECONDS_MAX = 2.0
HALF_A_HEAD = b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Endless: "
HEAD_OF_A_BODY = (
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 60000\r\n\r\n"
)


class SiteProcess(WebProcess):
    """`python -m webapp` beside a website."""

    def __init__(self, website: Website, **settings: str):
        super().__init__(website, "web", "webapp", **settings)

    def status(self, path: str = "/healthz", seconds: float = 30.0) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def opened(self, first_bytes: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall(first_bytes)
        return connection


@pytest.fixture(scope="module")
def process(website: Website, wait_for) -> Iterator[SiteProcess]:
    process = SiteProcess(website, WEB_LIMITS="off")
    try:
        wait_for(lambda: process.status() == 200, what="the site answers")
        yield process
    finally:
        process.close()


@pytest.mark.parametrize("first_bytes", [b"", HALF_A_HEAD, HEAD_OF_A_BODY], ids=["nothing", "head", "body"])
def test_connections_that_bring_no_whole_request_hold_up_nobody(process: SiteProcess, first_bytes: bytes) -> None:
    sockets = [process.opened(first_bytes) for _ in range(SOCKETS)]
    try:
        for _ in range(3):
            began = time.monotonic()
            assert process.status("/login", ANSWER_SECONDS_MAX) == 200
            assert time.monotonic() - began < ANSWER_SECONDS_MAX
            for one in sockets:
                one.sendall(b"x" if first_bytes else b"")  # they drip on
    finally:
        for one in sockets:
            one.close()


@pytest.mark.alone
def test_answers_that_nobody_reads_hold_up_nobody(process: SiteProcess) -> None:
    requests = b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 200
    sockets = [process.opened(b"") for _ in range(SOCKETS)]
    try:
        for one in sockets:
            one.setblocking(False)
            one.send(requests)
        for _ in range(3):
            assert process.status("/login", ANSWER_SECONDS_MAX) == 200
    finally:
        for one in sockets:
            one.close()


def test_a_terminated_site_answers_what_it_has_received_and_exits(website: Website, wait_for) -> None:
    doomed = SiteProcess(website, WEB_LIMITS="off")
    try:
        wait_for(lambda: doomed.status() == 200, what="the site answers")
        half = doomed.opened(HALF_A_HEAD)
        doomed.process.send_signal(signal.SIGTERM)
        assert doomed.process.wait(timeout=60) == 0
        half.close()
    finally:
        doomed.close()


def test_half_requests_use_up_no_connections_of_the_live_updates(website: Website, wait_for) -> None:
    """A connection too many ends the oldest that has brought no whole request; another page still opens."""
    live, browser = LiveProcess(website), website.browser()
    browser.log_in(website.person())
    wait_for(live.is_well, what="live updates are up")
    sockets = [socket.create_connection(("127.0.0.1", live.port), timeout=60) for _ in range(UNFINISHED_EACH_MAX + 5)]
    try:
        for one in sockets:
            with contextlib.suppress(OSError):  # it may be cut off already
                one.sendall(b"GET /live HTTP/1.1\r\nX-Endless: ")
        for one in sockets[:5]:
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(1) == b""
        with Page(live, browser) as stream:
            stream.hear("account")
    finally:
        for one in sockets:
            one.close()
        live.close()
