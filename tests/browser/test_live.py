"""Changes on an open page without a click: prices, fills, expiries, and the mark that says whether they are current."""

import itertools
from collections.abc import Callable
from string import ascii_uppercase

from playwright.sync_api import expect

from database.postgres import connect
from tests.browser.person import BrowserUser
from tests.browser.site import SiteUnderTest
from webapp.live_address import SYMBOLS_MAX

HIDDEN_MS_MAX = 30_000
"""Milliseconds for which a hidden tab keeps its stream open (live.js)."""

EXPIRY_MS_MAX = 70_000
"""Longest time until a page shows an expiry: 60 s until it is due, 5 s for the release (spec §3), and drawing."""


def test_a_trigger_that_is_reached_already_fires_at_once(trader: BrowserUser, site: SiteUnderTest, symbol: str):
    site.quotes.set_price(symbol, 2_500)
    trader.set_trigger("Buy", symbol, "100", "30")
    trader.sees_message("Buy trigger fired", f"4 shares of {symbol} at $25.00")
    expect(trader.page.locator(f"tr[data-trigger={symbol}-buy]")).to_have_count(0)
    trader.go("/")
    expect(trader.position(symbol)).to_contain_text("4 shares")


def test_a_trigger_is_armed_changed_and_cancelled(trader: BrowserUser, symbol: str):
    trader.set_trigger("Buy", symbol, "500", "20")
    row = trader.page.locator(f"tr[data-trigger={symbol}-buy]")
    expect(row).to_contain_text("≤ $20.00")
    row.get_by_role("link", name="Change").click()
    trader.page.get_by_label("Trigger price per share").fill("25")
    trader.page.get_by_role("button", name="Arm", exact=True).click()
    expect(row).to_contain_text("≤ $25.00")
    row.get_by_role("button", name="Cancel").click()
    trader.sees_message("Trigger order cancelled")
    expect(row).to_have_count(0)


def test_a_price_that_another_person_requested_appears(
    trader: BrowserUser, new_person: Callable[..., BrowserUser], site: SiteUnderTest, symbol: str
):
    trader.go("/")
    trader.page.get_by_label("Symbol to watch").fill(symbol.lower())
    trader.page.get_by_role("button", name="Watch", exact=True).click()
    price = trader.page.locator(f".watch [data-price-of={symbol}]")
    expect(price).to_have_text("no quote yet")
    trader.is_live()
    site.quotes.set_price(symbol, 7_777)
    other = new_person().sign_up()
    other.go(f"/symbols/{symbol}")
    other.page.get_by_role("button", name="Get a quote").click()
    other.sees_message(f"{symbol} is at $77.77")
    expect(price).to_have_text("$77.77")
    expect(trader.page.locator(f".watch [data-asked-of={symbol}]")).to_contain_text("s ago")


def test_a_page_of_more_symbols_than_a_stream_may_name_shows_the_newest_price_of_each(
    trader: BrowserUser, new_person: Callable[..., BrowserUser], site: SiteUnderTest
):
    watched = ["W" + "".join(letters) for letters in itertools.product(ascii_uppercase, repeat=2)][: 3 * SYMBOLS_MAX]
    with connect(site.environment["DATABASE_URL"], "test") as connection, connection.cursor() as cursor:
        rows = [(trader.name, symbol, place) for place, symbol in enumerate(watched)]
        cursor.executemany("INSERT INTO watched_symbols (user_id, symbol, added_at_ms) VALUES (%s, %s, %s)", rows)
    trader.go("/")
    trader.is_live()
    other = new_person().sign_up()
    for symbol in (watched[0], watched[-1]):
        site.quotes.set_price(symbol, 4_321)
        other.go(f"/symbols/{symbol}")
        other.page.get_by_role("button", name="Get a quote").click()
        expect(trader.page.locator(f".watch [data-price-of={symbol}]")).to_have_text("$43.21")


def test_prices_that_come_together_are_shown_in_one_step(trader: BrowserUser):
    """A step for each price would take a browser with a thousand symbols many seconds whenever its stream begins."""
    trader.go("/")
    trader.is_live()
    steps = trader.page.evaluate(
        """() => {
            let steps = 0;
            const find = document.querySelectorAll;
            document.querySelectorAll = (selector) => {
                steps += selector === "tr[data-position]";
                return find.call(document, selector);
            };
            for (let number = 0; number < 300; number++) {
                const detail = { symbol: `S${number}`, price_cents: 100, asked_at_ms: Date.now() };
                dispatchEvent(new CustomEvent("daytrade:price", { detail }));
            }
            return new Promise((done) => setTimeout(() => done(steps), 300));
        }"""
    )
    assert 1 <= steps <= 3, "a price of the stream may come meanwhile"


def test_the_mark_turns_stale_and_live_again(new_person: Callable[..., BrowserUser], site: SiteUnderTest):
    person = new_person().sign_up()
    person.is_live()
    site.kill("live")
    try:
        person.is_stale()
    finally:
        site.start_web("live")
    person.is_live()
    refused = [complaint for complaint in person.complaints if "/live" in complaint]
    assert refused == person.complaints, "the browser reported only the broken stream"
    person.complaints.clear()


def test_a_hidden_tab_closes_its_stream_and_catches_up_when_shown(
    trader: BrowserUser, site: SiteUnderTest, symbol: str, wait_for: Callable
):
    wait_for(lambda: site.streams() == 2, what="only this tab and the patient person's have a stream")
    trader.page.clock.install()
    trader.go("/")
    trader.is_live()
    trader.hide_tab(True)
    trader.page.clock.fast_forward(HIDDEN_MS_MAX)
    trader.is_stale()
    wait_for(lambda: site.streams() == 1, what="the hidden tab has closed its stream")
    trader.page.evaluate("dispatchEvent(new Event('online'))")
    trader.page.clock.fast_forward(HIDDEN_MS_MAX)

    other = BrowserUser(trader.page.context, trader.url, trader.name)
    other.place("Buy", symbol, "1000").settle("Commit").sees_message("Bought")
    other.page.close()
    wait_for(lambda: site.streams() == 1, what="the hidden tab opens no stream when the network is back")
    expect(trader.figure("cash")).to_have_text("$10,000.00")
    trader.hide_tab(False)
    trader.is_live()
    expect(trader.figure("cash")).to_have_text("$9,000.00")
    expect(trader.position(symbol)).to_contain_text("10 shares")
    wait_for(lambda: site.streams() == 2, what="the tab that is shown has a stream again")


def test_an_order_expires_on_the_open_page(patient: BrowserUser):
    row = patient.orders.filter(has_text=patient.expired)
    expect(row).to_have_count(0, timeout=EXPIRY_MS_MAX)
    expect(patient.page.locator(".recent")).to_contain_text("Buy order expired: 10 shares")


def test_an_armed_trigger_fires_when_the_price_comes(patient: BrowserUser):
    expect(patient.position(patient.fired)).to_contain_text("25 shares", timeout=EXPIRY_MS_MAX)
    # $6,000 less 25 shares at $40 and 10 at $100: the expired order's $1,000 is back.
    expect(patient.figure("cash")).to_have_text("$4,000.00", timeout=EXPIRY_MS_MAX)
    # The test above has cut this page's stream while it waited.
    assert all("/live" in complaint for complaint in patient.complaints), patient.complaints


def test_a_price_and_all_that_follows_from_it_change_together(patient: BrowserUser, site: SiteUnderTest):
    row = patient.position(patient.held)
    # Nobody gets another quote until this one expires.
    expect(row.locator(".age[data-state=old]")).to_be_visible(timeout=EXPIRY_MS_MAX)
    patient.page.evaluate(_COMPARE_ALWAYS)
    site.quotes.set_price(patient.held, 12_345)
    other = BrowserUser(patient.page.context, patient.url, patient.name)
    other.go(f"/symbols/{patient.held}")
    other.page.get_by_role("button", name="Get a quote").click()
    other.sees_message(f"{patient.held} is at $123.45")
    expect(row).to_contain_text("+$234.50")
    expect(patient.figure("total")).to_have_text("$6,234.50")
    other.add_funds("1")
    expect(patient.figure("total")).to_have_text("$6,235.50")
    other.page.close()
    looks, differences = patient.page.evaluate("window.compared")
    assert looks > 0
    assert differences == []
    shown = "[data-figure], [data-worth-note], [data-profit-note], tr[data-position] td:not(:has(.age))"
    by_script = patient.page.locator(shown).all_inner_texts()
    patient.page.reload()
    assert patient.page.locator(shown).all_inner_texts() == by_script, "the script writes what the server writes"


_COMPARE_ALWAYS = r"""() => {
    window.compared = [0, []];
    const cents = (element) => Number(element.textContent.replace("−", "-").replace(/[^0-9-]/g, ""));
    const figure = (name) => cents(document.querySelector(`[data-figure=${name}]`));
    const same = (what, shown, right) => shown === right || window.compared[1].push([what, shown, right]);
    const compare = () => {
        let [worth, profit] = [0, 0];
        for (const row of document.querySelectorAll("tr[data-position]")) {
            const cell = (label) => row.querySelector(`td[data-label="${label}"]`);
            const shares = Number(row.querySelector(".sub").textContent.match(/^\d+/)[0]);
            const right = shares * cents(cell("Price").querySelector("[data-price-of]"));
            const gained = right - shares * cents(cell("Average cost"));
            same("worth", cents(cell("Value")), right);
            same("profit", cents(cell("Profit and loss").querySelector(".up, .down, .muted")), gained);
            [worth, profit] = [worth + right, profit + gained];
        }
        same("worth of all", figure("worth"), worth);
        same("profit of all", figure("profit"), profit);
        same("total", figure("total"), figure("cash") + figure("reserved") + worth);
        window.compared[0] += 1;
    };
    const everything = { childList: true, subtree: true, characterData: true };
    new MutationObserver(compare).observe(document.querySelector("main"), everything);
}"""
"""Compares, at each change of the page, every position's value and profit and the totals with the position's price."""
