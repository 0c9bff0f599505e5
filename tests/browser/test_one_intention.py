"""One intention of a person has one effect, however often a button is pressed; a button does what its row says.

One person runs all tests here, because signing up takes longer than most of them, and leaves many orders open.
"""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.conftest import EXPECT_MS
from tests.browser.person import BrowserUser
from tests.browser.site import SiteUnderTest

GAPS_MS = (0, 60, 150, 300, None)
"""Milliseconds between two presses; None: the second press follows the answer to the first."""

REST_MS = 1_000
"""Milliseconds for which a pressed button stays disabled (calm.js)."""


@pytest.fixture(scope="module")
def hurried(browser: Browser, site: SiteUnderTest, new_name: Callable[[], str]) -> Iterator[BrowserUser]:
    context = browser.new_context()
    context.set_default_timeout(EXPECT_MS)
    yield BrowserUser(context, site.url, new_name()).join("100000")
    context.close()


@pytest.fixture
def trader(hurried: BrowserUser) -> Iterator[BrowserUser]:
    """The hurried person, with a window for this test."""
    person = another_window(hurried)
    yield person
    person.page.close()
    assert not person.complaints, person.complaints


def another_window(person: BrowserUser) -> BrowserUser:
    other = BrowserUser(person.page.context, person.url, person.name)
    other.page.clock.install()
    return other


def turn_to(person: BrowserUser) -> None:
    """Brings the window to the front, because browsers slow hidden windows down."""
    person.page.bring_to_front()


def rest(person: BrowserUser) -> None:
    """Waits for the time during which a pressed button stays disabled."""
    person.page.clock.fast_forward(REST_MS)


def press_twice(person: BrowserUser, button: Locator, gap_ms: int | None) -> None:
    """Clicks the place of a button twice, like a hand: another button may have moved there before the second click."""
    button.click(trial=True)  # waits until it can be pressed
    box = button.bounding_box()
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if gap_ms is None:
        with person.page.expect_response(lambda response: response.request.method == "POST") as answer:
            person.page.mouse.click(*place)
        answer.value.finished()
    else:
        person.page.mouse.click(*place)
        person.page.wait_for_timeout(gap_ms)
    person.page.mouse.click(*place)


def given(person: BrowserUser, command: str, symbol: str = "") -> int:
    """Returns how often the person has given this command for the symbol."""
    return len(person.page.request.get(f"{person.url}/history.json?kind={command}&symbol={symbol}").json())


def hidden_fields(person: BrowserUser, path: str) -> dict[str, str]:
    """Hidden fields of a page's first command form, which hold its tokens: name to value."""
    person.go(path)
    fields = person.page.locator("form[data-command]").first.locator("input[type=hidden]").all()
    return {field.get_attribute("name"): field.get_attribute("value") for field in fields}


def send(person: BrowserUser, command: str, form: dict[str, str]) -> None:
    """Sends a form like a browser without scripts and without an open page."""
    assert person.page.request.post(f"{person.url}/commands/{command}", form=form).ok


def order(person: BrowserUser, symbol: str) -> Locator:
    return person.orders.filter(has_text=symbol)


def test_place_order_pressed_twice_places_one_order(trader: BrowserUser, symbol: str):
    place = trader.page.get_by_role("button", name="Place order")
    for times, gap_ms in enumerate(GAPS_MS, start=1):
        trader.fill_ticket("Buy", symbol, f"{100 * times}")
        press_twice(trader, place, gap_ms)
        trader.sees_message("Buy order placed")
    trader.place("Buy", symbol, "1000").sees_message("Buy order placed")
    assert given(trader, "BUY", symbol) == len(GAPS_MS) + 1


def test_an_unchanged_order_is_placed_again_only_after_a_confirmation(trader: BrowserUser, symbol: str):
    place, again = (trader.page.get_by_role("button", name=name) for name in ("Place order", "Place again"))
    trader.place("Buy", symbol, "200").sees_message("Buy order placed")
    expect(place).to_be_disabled()
    rest(trader)
    place.click()
    trader.sees_message("Already placed", "Your buy order for 2 shares")
    rest(trader)
    assert given(trader, "BUY", symbol) == 1
    trader.page.get_by_label("Dollars").fill(" 200 ")  # the same amount
    place.click()
    rest(trader)
    again.click()
    expect(order(trader, symbol)).to_have_count(2)
    rest(trader)
    trader.page.get_by_label("Dollars").fill("300")
    expect(again).to_be_hidden()
    place.click()
    expect(order(trader, symbol)).to_have_count(3)
    assert given(trader, "BUY", symbol) == 3


def test_a_rejected_order_can_be_tried_again(trader: BrowserUser, symbol: str):
    form = hidden_fields(trader, "/trade")
    trader.place("Buy", symbol, "500000").sees_message("Buy order: rejected", "Not enough available cash.")
    send(trader, "ADD", form | {"amount": "500000"})
    rest(trader)
    trader.page.get_by_role("button", name="Place order").click()
    trader.sees_message("Buy order placed")


def test_add_pressed_twice_adds_once(trader: BrowserUser):
    before = given(trader, "ADD")
    trader.go("/")
    trader.page.get_by_label("Amount in dollars").fill("1")
    trader.page.get_by_role("button", name="Add", exact=True).dblclick()
    trader.sees_message("Funds added", "$1.00")
    assert given(trader, "ADD") == before + 1


def test_the_same_form_sent_twice_adds_funds_once(trader: BrowserUser):
    before = given(trader, "ADD")
    form = hidden_fields(trader, "/") | {"amount": "5"}
    for amount in ("5", "5", " 5 "):
        send(trader, "ADD", form | {"amount": amount})
    assert given(trader, "ADD") == before + 1
    send(trader, "ADD", form | {"amount": "6"})
    assert given(trader, "ADD") == before + 2, "another amount is another intention"


def test_commit_pressed_twice_commits_one_order(trader: BrowserUser, new_symbol: Callable[[], str]):
    older, newer = new_symbol(), new_symbol()
    trader.place("Buy", older, "1000").sees_message("Buy order placed")
    trader.place("Buy", newer, "1000").sees_message("Buy order placed")
    commit = trader.page.get_by_role("button", name=f"Commit: buy 10 {newer}")
    trader.page.evaluate(_WATCH_THE_SECOND, commit.get_attribute("data-key"))
    press_twice(trader, commit, 250)
    trader.sees_message("Bought", newer)
    settled = commit.all_text_contents()
    rest(trader)
    expect(order(trader, newer)).to_have_count(0)
    expect(order(trader, older)).to_have_count(1)
    assert given(trader, "COMMIT_BUY", newer) == 1
    assert given(trader, "COMMIT_BUY", older) == 0
    assert trader.page.evaluate("window.strangers") == []
    assert settled == ["Committed"]


_WATCH_THE_SECOND = """own => {
    window.strangers = [];
    addEventListener("pointerdown", ({ clientX, clientY }) => {
        const from = performance.now();
        const look = () => {
            for (const element of [document.elementFromPoint(clientX, clientY), document.activeElement]) {
                const key = element?.closest("button[data-key]")?.dataset.key;
                if (key && key !== own) window.strangers.push(key);
            }
            if (performance.now() < from + 1000) requestAnimationFrame(look);
        };
        look();
    }, { once: true, capture: true });
}"""
"""Records for a second from the next press which other orders' buttons are under the pointer or have the focus."""


def test_a_button_moved_under_the_pointer_is_disabled_for_a_second(trader: BrowserUser, new_symbol: Callable[[], str]):
    first, second = new_symbol(), new_symbol()
    trader.place("Buy", first, "1000").sees_message("Buy order placed")
    order(trader, first).get_by_role("button", name="Commit").hover()
    trader.page.evaluate(_NOTE_WHETHER_IT_RESTS, second)
    other = another_window(trader)
    other.place("Buy", second, "1000")
    turn_to(trader)
    expect(order(trader, second)).to_have_count(1)
    assert trader.page.evaluate("window.rested"), "another order came under the pointer, and could be pressed"
    other.page.close()


_NOTE_WHETHER_IT_RESTS = """symbol => new MutationObserver((_, observer) => {
    const row = document.querySelector("tr[data-order]");
    if (row.textContent.includes(symbol)) {
        window.rested = row.querySelector("button").disabled;
        observer.disconnect();
    }
}).observe(document.querySelector("main"), { childList: true, subtree: true })"""


def test_a_trigger_order_is_set_and_cancelled_once(trader: BrowserUser, new_symbol: Callable[[], str]):
    first, second = sorted((new_symbol(), new_symbol()))
    form = trader.page.locator("form", has=trader.page.get_by_role("button", name="Set amount"))
    for name in (first, second):
        trader.go("/triggers")
        form.get_by_label("Symbol").fill(name)
        form.get_by_label("Dollars").fill("500")
        press_twice(trader, form.get_by_role("button", name="Set amount"), 150)
        expect(trader.page.locator(f"tr[data-trigger={name}-buy]")).to_be_visible()
        assert given(trader, "SET_BUY_AMOUNT", name) == 1
    trader.go("/triggers")
    press_twice(trader, trader.page.get_by_role("button", name=f"Cancel: buy {first}"), 250)
    trader.sees_message("Trigger order cancelled")
    rest(trader)
    expect(trader.page.locator(f"tr[data-trigger={first}-buy]")).to_have_count(0)
    expect(trader.page.locator(f"tr[data-trigger={second}-buy]")).to_have_count(1)


@pytest.fixture
def stale(trader: BrowserUser) -> Iterator[BrowserUser]:
    """Another window of the same person, which receives no news."""
    person = another_window(trader)
    person.page.route(re.compile(r"/live(\?|$)"), lambda route: route.abort())
    yield person
    person.page.close()


def test_commit_in_a_stale_window_does_what_its_row_says_or_nothing(
    trader: BrowserUser, stale: BrowserUser, site: SiteUnderTest, new_symbol: Callable[[], str]
):
    older, newer = new_symbol(), new_symbol()
    site.quotes.set_price(older, 3_500)
    turn_to(trader)
    trader.place("Buy", older, "1000").sees_message("Buy order placed")
    stale.go("/trade")
    turn_to(trader)
    trader.place("Buy", newer, "1000").sees_message("Buy order placed")
    turn_to(stale)
    stale.page.get_by_role("button", name=f"Commit: buy 28 {older}").click()
    stale.sees_message("Commit buy: rejected", f"You have a newer buy order for 10 shares of {newer} at $100.00.")
    assert given(trader, "COMMIT_BUY", newer) == 0
    rest(stale)
    expect(order(stale, older)).to_contain_text("not the newest")
    rest(stale)
    stale.page.get_by_role("button", name=f"Commit: buy 10 {newer}").click()
    stale.sees_message("Bought", newer)


def test_cancel_in_a_stale_window_spares_a_trigger_order_that_it_does_not_show(
    trader: BrowserUser, stale: BrowserUser, symbol: str
):
    turn_to(trader)
    trader.set_trigger("Buy", symbol, "500", "20")
    stale.go("/triggers")
    turn_to(trader)
    trader.page.get_by_label("Trigger price per share").fill("30")
    rest(trader)
    trader.page.get_by_role("button", name="Arm", exact=True).click()
    trader.sees_message("Armed", "$30.00")
    turn_to(stale)
    shown = stale.page.locator(f"tr[data-trigger={symbol}-buy]")
    expect(shown).to_contain_text("≤ $20.00")
    shown.get_by_role("button", name="Cancel").click()
    stale.sees_message("Nothing was cancelled", "It is for $500.00 at $30.00 a share")
    assert given(trader, "CANCEL_SET_BUY", symbol) == 0
    rest(stale)
    expect(shown).to_contain_text("≤ $30.00")


def test_without_script_the_same_form_sent_again_does_nothing(
    hurried: BrowserUser, new_person: Callable[..., BrowserUser], symbol: str
):
    plain = new_person(hurried.name, java_script_enabled=False, storage_state=hurried.page.context.storage_state())
    place, dollars = plain.page.get_by_role("button", name="Place order"), plain.page.get_by_label("Dollars")
    send(plain, "QUOTE", hidden_fields(plain, "/trade") | {"symbol": symbol})
    plain.fill_ticket("Buy", symbol, "200")
    plain.page.get_by_role("button", name="Estimate").click()
    press_twice(plain, place, 250)
    plain.sees_message("Buy order placed", "2 shares")
    expect(order(plain, symbol)).to_have_count(1)
    expect(dollars).to_have_value("")
    plain.page.go_back()
    place.click()
    plain.sees_message("Already placed", "2 shares")
    plain.page.go_back()
    dollars.fill("300")
    place.click()
    plain.sees_message("Buy order placed", "3 shares")
    expect(order(plain, symbol)).to_have_count(2)
    press_twice(plain, order(plain, symbol).get_by_role("button", name="Commit"), 250)
    plain.sees_message("Bought", "3 shares")
    assert given(plain, "COMMIT_BUY", symbol) == 1
