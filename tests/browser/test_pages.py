"""Screenshots of every page in .stack/screenshots/, light, dark and on a phone, each checked with axe.

axe checks WCAG 2.1 AA as far as a program can: contrast, labels, roles, names.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from database.postgres import connect
from tests.browser.conftest import EXPECT_MS, SCREENSHOTS
from tests.browser.person import PASSWORD, BrowserUser
from tests.browser.site import SiteUnderTest

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]

LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 860}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 860}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}, "has_touch": True},
}
DOORS = {"signup": "/signup", "login": "/login"}
"""Pages for people who are not logged in."""

PAGES = {
    "dashboard": "/",
    "trade": "/trade?side=buy&symbol={symbol}&amount=1000",
    "triggers": "/triggers",
    "history": "/history",
    "history-row": "/history/3",
    "explain": "/explain/cash",
    "symbols": "/symbols",
    "symbol": "/symbols/{symbol}",
    "log": "/log",
    "summary": "/summary",
    "password": "/password",
    "operations": "/operations",
    "dead-letters": "/operations/dead-letters",
}


@pytest.fixture(scope="module")
def lived_in(browser: Browser, site: SiteUnderTest, new_name, new_symbol) -> Iterator[tuple[Path, str]]:
    """Cookies of an administrator who has done a bit of everything, and a symbol they hold."""
    context = browser.new_context()
    context.set_default_timeout(EXPECT_MS)
    name, symbol, other = new_name(), new_symbol(), new_symbol()
    site.make_administrator(name, PASSWORD)
    site.quotes.set_price(symbol, 4_120)
    person = BrowserUser(context, site.url, name).log_in()
    expect(person.page.get_by_role("heading", name="Dashboard")).to_be_visible()
    person.add_funds("25000")
    person.place("Buy", symbol, "4000").settle("Commit").sees_message("Bought")
    person.place("Sell", symbol, "400").settle("Commit").sees_message("Sold")
    person.place("Buy", symbol, "99999").sees_message("Buy order: rejected")
    person.set_trigger("Buy", other, "1500", "12.50")
    person.set_trigger("Sell", symbol, "800", "99.99")
    person.go("/")
    person.page.get_by_label("Symbol to watch").fill(symbol)
    person.page.get_by_role("button", name="Watch", exact=True).click()
    person.sees_message(f"Watching {symbol}")
    person.go("/log")
    person.page.get_by_role("button", name="Write file").click()
    expect(person.page.get_by_role("link", name="Download")).to_be_visible()
    _note_dumps_without_a_file(site, name)
    person.place("Buy", symbol, "1000").place("Buy", other, "700").sees_message("Buy order placed")
    file = site.folder / "lived-in.json"
    context.storage_state(path=file)
    yield file, symbol
    context.close()


def _note_dumps_without_a_file(site: SiteUnderTest, user: str) -> None:
    """Records dumps without a file, one for each state that a dump can be in."""
    rows = [
        ("waiting", None, None),
        ("waiting", None, "the disk is full"),
        ("failed", None, "its folder has the name of the file of the dump a-name-of-some-length.xml"),
        ("replaced", 1, None),
        ("written", 1, None),
    ]
    with connect(site.environment["DATABASE_URL"], "test") as connection:
        for number, (state, written_at_ms, failure) in enumerate(rows):
            connection.execute(
                "INSERT INTO dumps (dump_id, user_id, filename, state, written_at_ms, failure)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (f"{number:032x}", user, f"~{user}/log-{number}.xml", state, written_at_ms, failure),
            )


@pytest.mark.parametrize("look", LOOKS)
def test_pages_are_accessible_and_fit(new_person: Callable[..., BrowserUser], lived_in: tuple[Path, str], look: str):
    cookies, symbol = lived_in
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    faults: list[str] = []
    for pages, state in ((DOORS, None), (PAGES, cookies)):
        # The site's Content-Security-Policy would rightly block axe, which is this test's script.
        person = new_person(bypass_csp=True, storage_state=state, **LOOKS[look])
        for name, path in pages.items():
            person.go(path.format(symbol=symbol))
            if state:
                person.is_live()
            if name == "symbol":
                expect(person.page.locator("[data-drawn]")).to_be_visible()
            person.page.screenshot(path=SCREENSHOTS / f"{name}-{look}.png", full_page=look == "phone")
            faults += [f"{name}, {look}: {fault}" for fault in _faults(person)]
    assert not faults, "\n".join(faults)


def test_error_pages(new_person: Callable[..., BrowserUser], trader: BrowserUser):
    """Opens the pages of 404 and 403, and checks their statuses."""
    for path, status, heading in (("/nowhere", 404, "Page not found"), ("/operations", 403, "No permission")):
        answer = trader.page.goto(trader.url + path)
        assert answer.status == status
        expect(trader.page.get_by_role("heading", name=heading)).to_be_visible()
    assert all("status of 40" in complaint for complaint in trader.complaints), trader.complaints
    trader.complaints.clear()


def test_light_and_dark_can_be_chosen(new_person: Callable[..., BrowserUser]):
    person = new_person(color_scheme="light").sign_up()
    background = "getComputedStyle(document.body).backgroundColor"
    light = person.page.evaluate(background)
    person.page.get_by_role("button", name="Switch between light and dark").click()
    assert person.page.evaluate(background) != light
    person.go("/trade")
    assert person.page.evaluate(background) != light, "it is kept for the next page"


def test_the_first_tab_stop_skips_to_the_content(new_person: Callable[..., BrowserUser]):
    person = new_person().sign_up()
    person.go("/trade")
    person.page.keyboard.press("Tab")
    skip = person.page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    skip.press("Enter")
    expect(person.page.locator("main")).to_be_focused()


def _faults(person: BrowserUser) -> list[str]:
    """Returns faults that axe reports, and elements wider than the page."""
    person.page.add_script_tag(path=AXE)
    found = person.page.evaluate(
        "rules => axe.run({runOnly: {type: 'tag', values: rules}}).then(result => result.violations)", RULES
    )
    faults = [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found
        for node in violation["nodes"]
    ]
    too_wide = person.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    faults += [f"{too_wide} px too wide"] if too_wide > 0 else []
    return faults + [f"{name} has to be scrolled sideways" for name in person.page.evaluate(_SCROLLED)]


_SCROLLED = """innerWidth < 1200 ? [] : [...document.querySelectorAll(".table-wrap")]
    .filter(table => table.scrollWidth > table.clientWidth).map(table => table.ariaLabel)"""
"""Finds tables that are cut off on a wide page. The last column, with the buttons, would not be visible."""
