"""One running site and one browser for all tests in this folder; every test has its own people and symbols.

Starting the site takes seconds, and a pending order takes 60 s to expire. So the site starts once, orders
that must expire are placed at the start, and tests that wait for those 60 s come last.
"""

import itertools
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy.engine import make_url

from bench.processes import ROOT
from deploy.servers import browser as chromium
from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from tests.browser.person import BrowserUser
from tests.browser.quote_server import SteeredQuotes
from tests.browser.site import WORKERS, SiteUnderTest
from tests.conftest import _setting

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",  # it runs as root
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--no-first-run",
]
EXPECT_MS = 20_000
"""Longest wait for what a page must show. It is long because site, servers and browser share two cores."""

SCREENSHOTS = ROOT / ".stack" / "screenshots"

expect.set_options(timeout=EXPECT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts tests that use `patient` last in this folder: by then most of its 60 s have passed."""
    places = [place for place, item in enumerate(items) if Path(__file__).parent in item.path.parents]
    browser_tests = sorted(
        (items[place] for place in places), key=lambda item: "patient" in getattr(item, "fixturenames", ())
    )
    for place, item in zip(places, browser_tests, strict=True):
        items[place] = item


@pytest.fixture(scope="package")
def quotes() -> Iterator[SteeredQuotes]:
    with SteeredQuotes() as server:
        yield server


@pytest.fixture(scope="package")
def site(_template, quotes: SteeredQuotes, wait_for: Callable, tmp_path_factory) -> Iterator[SiteUnderTest]:
    """Workers, site and live updates, on a database of their own and the emptied vhost."""
    administration, template = _template
    database = f"{template}_browser"
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
    amqp_url = _setting("AMQP_URL")
    connection = open_connection(amqp_url, "tests")
    declare(connection, fresh=True)
    connection.close()
    url = make_url(administration).set(database=database, drivername="postgresql").render_as_string(False)
    built = SiteUnderTest(amqp_url, url, tmp_path_factory.mktemp("site"), quotes)
    try:
        built.start(*WORKERS)
        built.start_web()
        wait_for(built.answers, 60, "the site answers")
        yield built
    finally:
        built.destroy()
        with psycopg.connect(administration, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


@pytest.fixture
def second_site(site: SiteUnderTest, tmp_path: Path, wait_for: Callable) -> Iterator[Callable[..., SiteUnderTest]]:
    """`second_site("web", AMQP_URL=…)` starts these processes of the same site once more, with other settings."""
    started: list[SiteUnderTest] = []

    def start(*names: str, **settings: str) -> SiteUnderTest:
        other = SiteUnderTest(site.environment["AMQP_URL"], site.environment["DATABASE_URL"], tmp_path, site.quotes)
        other.environment |= settings
        other.start_web(*names)
        started.append(other)
        ports = {"web": other.port, "live": other.live_port}
        for name in names:
            wait_for(lambda port=ports[name]: _listens(port), 60, f"the second site's {name} listens")
        return other

    yield start
    for other in started:
        other.destroy()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    program = chromium.program()
    if program is None:
        pytest.fail(f"Chromium is missing: install Debian's package {chromium.PACKAGE}, or run `make test` as root")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="package")
def new_name() -> Callable[[], str]:
    numbers = itertools.count(1)
    return lambda: f"person-{next(numbers)}"


@pytest.fixture(scope="package")
def new_symbol() -> Callable[[], str]:
    """Function that returns a new symbol, for which nobody has requested a quote."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = ("".join(name) for name in itertools.product("Q", letters, letters))
    return lambda: next(names)


@pytest.fixture
def symbol(new_symbol: Callable[[], str]) -> str:
    return new_symbol()


@pytest.fixture
def new_person(
    browser: Browser, site: SiteUnderTest, new_name: Callable[[], str]
) -> Iterator[Callable[..., BrowserUser]]:
    """`new_person(name, **options of a browser context)`. Errors that a page of these people reports fail the test."""
    people: list[BrowserUser] = []
    contexts = []

    def make(name: str | None = None, **options) -> BrowserUser:
        context = browser.new_context(accept_downloads=True, **options)
        context.set_default_timeout(EXPECT_MS)
        contexts.append(context)
        people.append(BrowserUser(context, site.url, name or new_name()))
        return people[-1]

    yield make
    complaints = [f"{person.name}: {complaint}" for person in people for complaint in person.complaints]
    for context in contexts:
        context.close()
    assert not complaints, complaints


@pytest.fixture
def trader(new_person: Callable[..., BrowserUser]) -> BrowserUser:
    """A person who has signed up and added $10,000."""
    return new_person().join("10000")


@pytest.fixture(scope="package", autouse=True)
def patient(browser: Browser, site: SiteUnderTest, new_name, new_symbol) -> Iterator[BrowserUser]:
    """A person set up before all tests, whose order expires, whose trigger can fire, and whose price gets too old.

    The trigger's symbol cost $100 when it was armed at $50, and costs $40 since: the next quote fires it. The
    person also holds 10 shares of another symbol, bought for $1,000.
    """
    context = browser.new_context()
    context.set_default_timeout(EXPECT_MS)
    person = BrowserUser(context, site.url, new_name())
    person.sign_up().add_funds("6000")
    person.held = new_symbol()
    person.place("Buy", person.held, "1000").settle("Commit").sees_message("Bought")
    person.fired = new_symbol()
    site.quotes.set_price(person.fired, 10_000)
    person.set_trigger("Buy", person.fired, "1000", "50")
    expect(person.page.locator(f"tr[data-trigger={person.fired}-buy]")).to_contain_text("$50.00 to fall")
    site.quotes.set_price(person.fired, 4_000)
    person.expired = new_symbol()
    person.place("Buy", person.expired, "1000")
    expect(person.orders).to_have_count(1)
    person.go("/")
    yield person
    context.close()
