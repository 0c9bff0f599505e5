"""Postgres stops and starts again under a running site: nothing is lost or doubled, and no process restarts."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.servers.private import POSTGRES
from tests.chaos.servers import Servers
from tests.integration.web.test_web_live import LiveProcess, Page
from tests.integration.web.website import Browser, Caller, Website
from webapp import ids
from webapp.site import EXTENSION

pytestmark = pytest.mark.alone  # it stops the Postgres of all tests

BACK_SECONDS_MAX = 60

PAGES = ("/", "/trade", "/triggers", "/history", "/history.csv", "/symbols/ABC", "/log")
CALLS = ("/account", "/positions", "/orders", "/history", "/history.csv", "/quotes/ABC")


@pytest.fixture
def postgres(website: Website, wait_for: Callable) -> Iterator[Servers]:
    """Postgres, which the test may stop; it runs again afterwards in any case."""
    environment = website.system.environment
    servers = Servers(environment["AMQP_URL"], environment["DATABASE_URL"])
    if not servers.are_own:
        pytest.skip("Postgres was given by its address: the tests may not stop it")
    yield servers
    servers.look()
    wait_for(lambda: servers.answers(POSTGRES), BACK_SECONDS_MAX, "Postgres is back")


def test_postgres_restarts_under_the_site(website: Website, postgres: Servers, wait_for: Callable) -> None:
    user = website.person()
    caller, browser, client = website.api(user), website.browser(), website.app.test_client()
    browser.log_in(user)
    caller.give("ADD", amount="1.00")
    form = browser.form("/")
    live = LiveProcess(website)
    try:
        wait_for(live.is_well, what="live updates are up")
        with Page(live, browser) as stream, ThreadPoolExecutor(1) as elsewhere:
            stream.hear("account", seq=1)

            # An order is published before Postgres stops, and cannot be executed: its worker is suspended.
            website.system.send("transactions-0", signal.SIGSTOP)
            on_its_way = elsewhere.submit(caller.give, "ADD", wait=3_000, key="before", amount="2.00")
            gateway = website.app.extensions[EXTENSION].gateway
            wait_for(lambda: gateway.submitted(ids.of_key(user, "before")), what="it is submitted")
            postgres.stop(POSTGRES)
            try:
                assert on_its_way.result().status_code == 202, "the site must not say that the order has no effect"
                _says_when_to_come_back(browser, caller)
                assert client.get("/healthz").json == {"broker": True, "database": False, "log": False}
                for key in ("before", "meanwhile"):  # the site cannot look up whether a key was used before
                    refused = caller.give("ADD", key=key, amount="4.00")
                    assert (refused.status_code, refused.json["perhaps_taken"]) == (503, True)
                assert caller.give("ADD", amount="16.00").json["perhaps_taken"] is False
                assert browser.client.post("/commands/ADD", data=form | {"amount": "8.00"}).status_code == 503
                assert live.status("/live", Cookie=f"{browser.cookie_name}={browser.cookie}")[0] == 503
            finally:
                website.system.send("transactions-0", signal.SIGCONT)
                postgres.look()

            wait_for(lambda: client.get("/healthz").status_code == 200, BACK_SECONDS_MAX, "the site is well")
            for _ in range(2):
                for key, amount in (("before", "2.00"), ("meanwhile", "4.00")):
                    wait_for(lambda key=key, amount=amount: _is_done(caller, key, amount), BACK_SECONDS_MAX, key)
                assert browser.client.post("/commands/ADD", data=form | {"amount": "8.00"}).status_code == 303
            wait_for(lambda: len(website.history(user)) >= 4, what="the form's command is done")
            assert [row[-1] for row in website.history(user)] == [100, 200, 400, 800]
            stream.hear("account", seq=4)
            assert browser.get("/").status_code == 200
    finally:
        live.close()


def _says_when_to_come_back(browser: Browser, caller: Caller) -> None:
    for path in PAGES:
        response = browser.get(path)
        assert (response.status_code, response.mimetype) == (503, "text/html"), path
        assert int(response.headers["Retry-After"]) > 0
        assert "Temporarily unavailable" in response.text
    for path in CALLS:
        response = caller.get(path)
        assert (response.status_code, response.mimetype) == (503, "application/problem+json"), path
        assert int(response.headers["Retry-After"]) > 0


def _is_done(caller: Caller, key: str, amount: str) -> bool:
    """Repeats the request with the same key, as the site has advised."""
    response = caller.give("ADD", key=key, amount=amount)
    assert response.status_code in (200, 202, 503), response.text
    return response.status_code == 200
