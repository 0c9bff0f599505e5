"""Live updates: a page hears what happens, misses nothing while disconnected, and never blocks orders."""

import http.client
import itertools
import json
import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from string import ascii_uppercase

import pytest

from tests.integration.web.web_process import FILES_MAX, WebProcess
from tests.integration.web.website import Browser, Caller, Website
from webapp.live.__main__ import FILES_SPARE
from webapp.live_address import SYMBOLS_MAX

STREAMS_MAX = 5
HEARING_SECONDS_MAX = 20.0

WATCHED = 3 * SYMBOLS_MAX
"""More symbols than a page may list in its request."""


class LiveProcess(WebProcess):
    """`python -m webapp.live` beside a website."""

    def __init__(self, website: Website, files_max: int = FILES_MAX, **settings: str):
        super().__init__(website, "live", "webapp.live", files_max, **{"LIVE_STREAMS_MAX": str(STREAMS_MAX)} | settings)

    def ask(self, path: str, **headers: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HEARING_SECONDS_MAX)
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return connection, connection.getresponse()

    def status(self, path: str, **headers: str) -> tuple[int, dict[str, str]]:
        connection, response = self.ask(path, **headers)
        response.read()
        connection.close()
        return response.status, dict(response.getheaders())

    def is_well(self) -> bool:
        try:
            connection, response = self.ask("/healthz")
        except OSError:
            return False
        well = json.loads(response.read())["live"]
        connection.close()
        return well

    def streams(self) -> int:
        connection, response = self.ask("/healthz")
        count = json.loads(response.read())["streams"]
        connection.close()
        return count


class Page:
    """Open stream of live updates, read event by event."""

    def __init__(self, live: LiveProcess, browser: Browser, symbols: str = "", last_event_id: str = ""):
        headers = {"Cookie": f"{browser.cookie_name}={browser.cookie}"}
        if last_event_id:
            headers["Last_Event_ID"] = last_event_id
        self._open(live, f"/live?symbols={symbols}", headers)

    def _open(self, live: LiveProcess, path: str, headers: dict[str, str]) -> None:
        self._connection, self.response = live.ask(path, **headers)
        self.last_event_id = ""

    def __enter__(self) -> "Page":
        return self

    def __exit__(self, *_error: object) -> None:
        self.response.close()
        self._connection.close()

    def hear(self, name: str, **wanted: object) -> dict:
        """Returns the next event of this name with these values; fails if it does not come."""
        deadline = time.monotonic() + HEARING_SECONDS_MAX
        while True:
            event = self._next()
            assert time.monotonic() < deadline, f"no {name} {wanted} has come"
            data = json.loads(event["data"])
            if event["event"] == name and all(data[key] == value for key, value in wanted.items()):
                self.last_event_id = event.get("id", self.last_event_id)
                return data

    def _next(self) -> dict[str, str]:
        event: dict[str, str] = {}
        while line := self._line():
            field, _, value = line.partition(": ")
            event[field] = value
        return event if "event" in event else self._next()

    def _line(self) -> str:
        line = self.response.readline()
        assert line, "the stream has ended"
        return line.decode().rstrip("\n")


class TokenStream(Page):
    """Stream of a program that has a token."""

    def __init__(self, live: LiveProcess, caller: Caller, query: str = "", path: str = "/api/v1/stream"):
        self._open(live, f"{path}?{query}", {"Authorization": caller.authorization})


@pytest.fixture(scope="module")
def live(website: Website, wait_for) -> Iterator[LiveProcess]:
    live = LiveProcess(website)
    wait_for(live.is_well, what="live updates are up")
    yield live
    live.close()


@pytest.fixture
def browser(website: Website) -> Browser:
    browser = website.browser()
    browser.log_in(website.person())
    return browser


@pytest.fixture
def page(live: LiveProcess, browser: Browser):
    return partial(Page, live, browser)


def test_a_page_hears_what_happens_to_its_account_and_nothing_of_others(website: Website, browser, page) -> None:
    with page() as stream:
        assert stream.hear("status") == {"live": True}
        assert stream.hear("account") == {"seq": 0}
        website.api(website.person()).give("ADD", amount="1.00")
        website.api(browser.user()).give("ADD", amount="1.00")
        assert stream.hear("account") == {"seq": 1}
        website.api(browser.user()).give("ADD", amount="1.00")
        assert stream.hear("account") == {"seq": 2}


def test_a_page_hears_prices_of_its_symbols_only(website: Website, page) -> None:
    caller = website.api(website.person())
    with page(symbols="lv,LW") as stream:
        caller.give("QUOTE", symbol="ZZZ")
        price = caller.give("QUOTE", symbol="LV").json["price_cents"]
        assert stream.hear("price")["symbol"] == "LV"
        answer = caller.give("QUOTE", symbol="LW").json
        assert stream.hear("price", symbol="LW")["price_cents"] == answer["price_cents"]
    with page(symbols="LV") as later:
        assert later.hear("price", symbol="LV")["price_cents"] == price


def test_a_page_hears_prices_of_all_symbols_on_its_persons_watch_list(website, browser, page) -> None:
    watched = ["L" + "".join(letters) for letters in itertools.product(ascii_uppercase, repeat=2)][:WATCHED]
    with website.connect() as connection, connection.cursor() as cursor:
        rows = [(browser.user(), symbol, place) for place, symbol in enumerate(watched)]
        cursor.executemany("INSERT INTO watched_symbols (user_id, symbol, added_at_ms) VALUES (%s, %s, %s)", rows)
    caller = website.api(website.person())
    with page(symbols="NAM") as stream:
        assert stream.response.status == 200
        price = caller.give("QUOTE", symbol=watched[-1]).json["price_cents"]
        caller.give("QUOTE", symbol="NAM")
        heard = stream.hear("price")
        assert (heard["symbol"], heard["price_cents"]) == (watched[-1], price)
        assert stream.hear("price")["symbol"] == "NAM"


def test_a_page_hears_prices_of_its_persons_positions_and_trigger_orders(website, browser, page) -> None:
    owner, other = website.api(browser.user()), website.api(website.person())
    owner.give("ADD", amount="10000.00")
    owner.give("BUY", symbol="MH", amount="1000.00")
    assert owner.give("COMMIT_BUY").json["status"] == "done"
    assert owner.give("SET_BUY_AMOUNT", symbol="MT", amount="100.00").json["status"] == "done"
    with page(symbols="NAN") as stream:
        other.give("QUOTE", symbol="MT")
        other.give("QUOTE", symbol="NAN")
        heard_before = iter(lambda: stream.hear("price")["symbol"], "NAN")
        assert set(heard_before) == {"MH", "MT"}


def test_a_page_hears_all_current_values_after_reconnecting(website: Website, browser, page) -> None:
    caller = website.api(browser.user())
    with page(symbols="LX") as stream:
        stream.hear("account", seq=0)
        last = stream.last_event_id
    caller.give("ADD", amount="1.00")
    price = caller.give("QUOTE", symbol="LX").json["price_cents"]
    with page(symbols="LX", last_event_id=last) as again:
        heard = {"account": again.hear("account"), "status": None}
        assert heard["account"] == {"seq": 2}
    with page(symbols="LX", last_event_id=last) as again:
        assert again.hear("price")["price_cents"] == price


def test_a_page_hears_of_its_account_again_after_a_mistake_in_the_look_up(website, live, browser, page, wait_for):
    """While the table has another name, the look-up fails with an error that does not mean "not now"."""
    website.api(browser.user()).give("ADD", amount="1.00")
    log = website.system.folder / "live.log"
    with website.connect() as connection:
        connection.autocommit = True
        connection.execute("ALTER TABLE accounts RENAME TO accounts_away")
        try:
            with page() as stream:
                wait_for(lambda: "cannot look up accounts" in log.read_text(), what="a failed look-up")
                connection.execute("ALTER TABLE accounts_away RENAME TO accounts")
                assert stream.hear("account") == {"seq": 1}
        finally:
            connection.execute("ALTER TABLE IF EXISTS accounts_away RENAME TO accounts")


def test_a_price_from_before_this_process_is_known_from_the_database(website: Website, browser, wait_for) -> None:
    website.api(browser.user()).give("QUOTE", symbol="LY")
    late = LiveProcess(website)
    try:
        wait_for(late.is_well, what="it is up")
        with Page(late, browser, "LY") as stream:
            assert stream.hear("price", symbol="LY")["price_cents"] > 0
    finally:
        assert late.close() == 0


def test_streams_are_for_people_who_are_logged_in_and_pages_of_this_site(live: LiveProcess, browser: Browser) -> None:
    cookie = f"{browser.cookie_name}={browser.cookie}"
    assert live.status("/live")[0] == 401
    assert live.status("/live", Cookie=f"{browser.cookie_name}=forged")[0] == 401
    assert live.status("/live", Cookie=cookie, Origin="http://evil.example:8080")[0] == 403
    assert live.status("/live?symbols=TOOLONG", Cookie=cookie)[0] == 422
    assert live.status("/live?symbols=" + "A," * (SYMBOLS_MAX + 1), Cookie=cookie)[0] == 422
    status, headers = live.status("/live", Origin="http://127.0.0.1:8080")
    assert status == 401
    assert headers["access-control-allow-origin"] == "http://127.0.0.1:8080"
    assert headers["access-control-allow-credentials"] == "true"


def test_a_refused_stream_is_answered_with_a_problem_like_the_api(live: LiveProcess) -> None:
    connection, response = live.ask("/live")
    problem = json.loads(response.read())
    connection.close()
    assert response.getheader("Content-Type") == "application/problem+json"
    assert problem == {"title": "Unauthorized", "status": 401, "detail": "no valid session: log in first"}


def test_one_page_too_many_is_told_when_to_retry(live: LiveProcess, browser, page, wait_for) -> None:
    wait_for(lambda: live.streams() == 0, what="earlier pages are gone")
    pages = [page() for _ in range(STREAMS_MAX)]
    for open_page in pages:
        open_page.hear("status")
    status, headers = live.status("/live", Cookie=f"{browser.cookie_name}={browser.cookie}")
    assert (status, headers["retry-after"]) == (503, "10")
    for open_page in pages:
        open_page.__exit__()
    wait_for(lambda: live.streams() == 0, what="their places are free")
    with page() as stream:
        stream.hear("account")


def test_pages_beyond_the_limit_on_open_files_are_told_when_to_retry(website: Website, browser, wait_for) -> None:
    cramped = LiveProcess(website, files_max=FILES_SPARE + 1)
    try:
        wait_for(cramped.is_well, what="it is up")
        with Page(cramped, browser) as stream:
            stream.hear("account")
            status, headers = cramped.status("/live", Cookie=f"{browser.cookie_name}={browser.cookie}")
            assert (status, headers["retry-after"]) == (503, "10")
    finally:
        cramped.close()


def test_a_terminated_process_ends_its_streams_and_exits_at_once(website: Website, browser, wait_for) -> None:
    doomed = LiveProcess(website)
    try:
        wait_for(doomed.is_well, what="it is up")
        with Page(doomed, browser) as stream:
            stream.hear("account")
            os.kill(doomed.process.pid, signal.SIGTERM)
            assert stream.response.read().strip() == b""
        assert doomed.process.wait(timeout=60) == 0
    finally:
        doomed.close()
