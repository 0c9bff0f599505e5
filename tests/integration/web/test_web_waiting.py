"""Slow quotes: only a limited number of requests wait for them, and all other pages are served meanwhile."""

import http.client
import itertools
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from bench import processes
from bench.processes import ROOT, free_port
from tests.integration.web.website import Website
from webapp.__main__ import files_spare
from webapp.site import EXTENSION

WAIT_MS = 8_000
ANSWER_SECONDS_MAX = 4
"""Half of the longest wait: a quicker answer did not wait behind others. On an idle machine it takes a few ms."""

THREADS = 4

_letters = itertools.product("WXYZ", "ABCDEFGHIJ", "Q")


@pytest.fixture
def symbol() -> str:
    """A symbol without a quote."""
    return "".join(next(_letters))


@pytest.fixture
def silent_quotes(website: Website) -> Iterator[None]:
    """Suspends the quote server for the test: it accepts requests and answers none."""
    website.system.send("quote-server", signal.SIGSTOP)
    yield
    website.system.send("quote-server", signal.SIGCONT)


class GunicornSite:
    """The site as a process with four threads. In all, at most two of them may wait for quotes."""

    def __init__(self, website: Website, files_max: int = 4_096):
        self.port = free_port()
        variables = {"WEB_PORT": str(self.port), "WEB_THREADS": str(THREADS), "REPLICA": "web"}
        environment = website.system.environment | variables
        with (website.system.folder / "web.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", f'ulimit -n {files_max} && exec "$0" -m webapp', sys.executable],
                cwd=ROOT,
                env=processes.with_rights("web", environment),
                stdout=log,
                stderr=log,
            )

    def asks(self, method: str, path: str, authorization: str = "", body: object = None) -> tuple[int, object]:
        """Returns status and JSON of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2 * WAIT_MS / 1000)
        try:
            headers = {"Authorization": authorization, "Content-Type": "application/json"}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def is_well(self) -> bool:
        try:
            return self.asks("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(20)


def test_while_people_wait_for_quotes_other_people_are_served(
    website: Website, symbol: str, silent_quotes, wait_for
) -> None:
    site = GunicornSite(website)
    quote = {"command": "QUOTE", "symbol": symbol}
    people = [website.api(website.person()).authorization for _ in range(4)]
    try:
        wait_for(site.is_well, what="the site is well")
        # Browsers open connections in advance and send nothing on them, or keep connections that the site has closed.
        held = [socket.create_connection(("127.0.0.1", site.port)) for _ in range(16)]
        for connection in held[:4]:
            connection.sendall(b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            connection.recv(1)
        with ThreadPoolExecutor(9) as threads:
            asked = [
                threads.submit(site.asks, "POST", f"/api/v1/commands?wait={WAIT_MS}", person, quote)
                for person in people[:3] * 3
            ]
            wait_for(lambda: sum(map(Future.done, asked)) == 7, ANSWER_SECONDS_MAX, "only two wait")
            status, account = site.asks("GET", "/api/v1/account", people[3])
            assert (status, account["seq"]) == (200, 0)
            assert sum(map(Future.done, asked)) == 7, "it was answered while they waited"
            website.system.send("quote-server", signal.SIGCONT)
            assert sorted(status for status, _ in map(Future.result, asked)) == [200] * 2 + [202] * 7
        for connection in held:
            connection.close()
    finally:
        site.close()


def test_more_idle_connections_than_open_files_keep_nobody_from_the_site(website: Website, wait_for) -> None:
    files_max = files_spare(THREADS) + 10
    site = GunicornSite(website, files_max)
    idle = [http.client.HTTPConnection("127.0.0.1", site.port, timeout=ANSWER_SECONDS_MAX) for _ in range(files_max)]
    try:
        wait_for(site.is_well, what="the site is well")
        for connection in idle:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
    finally:
        for connection in idle:
            connection.close()
        site.close()


def test_a_person_without_a_waiting_place_is_answered_at_once(website: Website, symbol: str, silent_quotes) -> None:
    app = website.another(WEB_WAITING_EACH_MAX="1")
    user = website.person()
    caller = website.api(user, app)
    with app.extensions[EXTENSION].waiting.place_of(user):
        given = caller.give("QUOTE", wait=10_000, symbol=symbol)
        assert (given.status_code, given.json["status"]) == (202, "pending")
        looked = caller.get(given.headers["Location"].removeprefix("/api/v1"), wait=10_000)
        assert (looked.status_code, looked.json["status"]) == (200, "pending")
        assert caller.give("ADD", wait=10_000, amount="1.00").status_code == 202, "it comes after the quote"
    other = website.api(website.person(), app)
    assert other.give("ADD", wait=10_000, amount="1.00").json["status"] == "done"


def test_a_form_without_a_waiting_place_leads_to_a_page_that_shows_the_outcome_later(
    website: Website, symbol: str, silent_quotes, wait_for
) -> None:
    app = website.another(WEB_WAITING_MAX="1")
    user = website.person()
    browser = website.browser(app)
    browser.log_in(user)
    with app.extensions[EXTENSION].waiting.place_of("somebody else"):
        sent = browser.client.post("/commands/QUOTE", data=browser.form("/trade") | {"symbol": symbol})
    assert sent.status_code == 303
    assert "in progress" in browser.get(sent.headers["Location"]).text
    website.system.send("quote-server", signal.SIGCONT)
    wait_for(lambda: browser.get(sent.headers["Location"]).status_code == 303, what="the outcome")
    assert f"{symbol} is at $" in browser.get("/").text
