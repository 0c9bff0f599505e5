"""Turns: a client's requests run one after another, a slow one delays others briefly, and no client delays another."""

import http.client
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask, request

from webapp import turns
from webapp.http_server import SiteServer
from webapp.turns import ClientTurns, Task


class Request:
    """A request that calls `work`, and whose name is then in `ran`."""

    def __init__(self, name: str, ran: list[str], work: Callable[[], None] = lambda: None):
        self._name = name
        self._ran = ran
        self._work = work

    def service(self) -> None:
        self._work()
        self._ran.append(self._name)

    def cancel(self) -> None:
        raise AssertionError("nothing has stopped the server")


def test_a_clients_next_request_starts_when_the_earlier_ones_have_ended() -> None:
    site, started, ran = ClientTurns(), list[Task](), list[str]()
    for client, name in (("ann", "first"), ("ann", "second"), ("bob", "other"), ("ann", "third")):
        site.enter(client, Request(name, ran), started.append)
    assert len(started) == 2, "ann's first one, and bob's"
    for task in started:  # it grows meanwhile
        task.service()
    assert ran == ["first", "other", "second", "third"]
    assert not site._queues


def test_a_request_that_waits_for_an_outcome_lets_the_next_one_start() -> None:
    site, started, ran = ClientTurns(), list[Task](), list[str]()

    def wait() -> None:
        site.end()
        threading.Thread(target=started[1].service).start()
        next_ended.wait(20)

    next_ended = threading.Event()
    site.enter("ann", Request("waits", ran, wait), started.append)
    site.enter("ann", Request("next", ran, next_ended.set), started.append)
    started[0].service()
    assert next_ended.is_set() and not site._queues


def test_a_slow_request_delays_its_clients_next_one_only_briefly(monkeypatch) -> None:
    site, started, ran = ClientTurns(), list[Task](), list[str]()

    def be_slow() -> None:
        site.end_overdue()
        assert len(started) == 1
        monkeypatch.setattr(turns, "SECONDS_MAX", -1)
        site.end_overdue()
        assert len(started) == 2
        site.end_overdue()
        assert len(started) == 2, "the third one waits for the second, with which no thread has begun"

    site.enter("ann", Request("slow", ran, be_slow), started.append)
    for name in ("second", "third"):
        site.enter("ann", Request(name, ran), started.append)
    for task in started:
        task.service()
    assert ran == ["slow", "second", "third"]
    assert not site._queues


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
def test_a_burst_of_one_client_leaves_threads_for_others(header: str, monkeypatch) -> None:
    monkeypatch.setattr(turns, "SECONDS_MAX", 60)
    app, may_end, begun = Flask("site"), threading.Event(), threading.Semaphore(0)

    @app.get("/")
    def view() -> str:
        if request.headers.get(header) == "ann":
            begun.release()
            assert may_end.wait(20)
        return "done"

    server = SiteServer(app, "127.0.0.1", 0, threads=2, is_behind_proxy=False, turns=ClientTurns())

    def get(client: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", server.effective_port, timeout=20)
        connection.request("GET", "/", headers={header: client} if client else {})
        answer = connection.getresponse().read()
        connection.close()
        return answer

    with ThreadPoolExecutor() as threads:
        running = threads.submit(server.run)
        try:
            burst = [threads.submit(get, "ann") for _ in range(4)]
            assert begun.acquire(timeout=20)
            assert get("bob") == get("") == b"done"
            assert not any(one.done() for one in burst)
            may_end.set()
            assert {one.result() for one in burst} == {b"done"}
        finally:
            may_end.set()
            server.stop()
            running.result()
            server.trigger.close()
