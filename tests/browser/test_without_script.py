"""Everything works without scripts too: forms are sent, and the answering page shows the outcome."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.person import BrowserUser
from tests.browser.site import SiteUnderTest


@pytest.fixture
def plain(new_person: Callable[..., BrowserUser]) -> BrowserUser:
    return new_person(java_script_enabled=False).sign_up().add_funds("1000")


def test_buy_and_commit(plain: BrowserUser, site: SiteUnderTest, symbol: str):
    site.quotes.set_price(symbol, 5_000)
    plain.fill_ticket("Buy", symbol, "120")
    plain.page.get_by_role("button", name="Place order").click()
    plain.sees_message("Buy order placed", "2 shares")
    expect(plain.page.get_by_role("heading", name="Trade")).to_be_visible()
    plain.settle("Commit")
    plain.sees_message("Bought", "2 shares")
    plain.go("/")
    expect(plain.position(symbol)).to_contain_text("2 shares")
    expect(plain.figure("cash")).to_have_text("$900.00")


def test_estimate(plain: BrowserUser, site: SiteUnderTest, symbol: str):
    site.quotes.set_price(symbol, 5_000)
    plain.fill_ticket("Buy", symbol, "120")
    plain.page.get_by_role("button", name="Get a quote").click()
    plain.sees_message(f"{symbol} is at $50.00")
    plain.fill_ticket("Buy", symbol, "120")
    plain.page.get_by_role("button", name="Estimate").click()
    expect(plain.page.locator("#estimate")).to_contain_text(f"$120.00 buys 2 shares of {symbol}")


def test_rejected(plain: BrowserUser, symbol: str):
    plain.place("Sell", symbol, "100")
    plain.sees_message("Sell order: rejected", "There are no shares of this stock to sell.")
