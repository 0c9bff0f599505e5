"""First steps of a person: sign up, add funds, look at a price, buy, commit; and mistakes on the way."""

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.person import PASSWORD, BrowserUser
from tests.browser.site import SiteUnderTest


def test_from_signing_up_to_a_position_without_loading_a_page_again(
    new_person: Callable[..., BrowserUser], site: SiteUnderTest, symbol: str
):
    site.quotes.set_price(symbol, 12_345)
    person = new_person().sign_up()
    person.is_live()
    expect(person.page.get_by_text("Start here: add funds")).to_be_visible()
    person.page.get_by_label("Amount in dollars").fill("1000.50")
    person.page.get_by_role("button", name="Add funds").click()
    person.sees_message("Funds added", "$1,000.50 is in your cash.")
    expect(person.figure("cash")).to_have_text("$1,000.50")
    expect(person.page.get_by_text("Start here: add funds")).to_have_count(0)

    person.fill_ticket("Buy", symbol, "500")
    person.page.get_by_role("button", name="Get a quote").click()
    person.sees_message(f"{symbol} is at $123.45")
    expect(person.page.locator("#estimate")).to_contain_text(f"$500.00 buys 4 shares of {symbol}")
    expect(person.page.locator("#estimate")).to_contain_text("$6.20 stays in your cash")

    person.page.get_by_role("button", name="Place order").click()
    person.sees_message("Buy order placed", f"4 shares of {symbol} at $123.45")
    countdown = person.orders.locator("[data-countdown-text]")
    expect(countdown).to_have_text(re.compile(r"^(60|5\d) s$"))
    expect(countdown).to_have_text(re.compile(r"^(5[0-7]|4\d) s$"))

    person.go("/")
    person.page.evaluate("window.notLoadedAgain = true")
    person.settle("Commit")
    person.sees_message("Bought", f"4 shares of {symbol} at $123.45.")
    expect(person.orders).to_have_count(0)
    expect(person.position(symbol)).to_contain_text("4 shares")
    expect(person.figure("cash")).to_have_text("$506.70")
    expect(person.figure("worth")).to_have_text("$493.80")
    assert person.page.evaluate("window.notLoadedAgain")


def test_cancel_gives_the_cash_back(trader: BrowserUser, symbol: str):
    trader.place("Buy", symbol, "1000")
    expect(trader.figure("cash")).to_have_text("$9,000.00")
    trader.settle("Cancel")
    trader.sees_message("Buy order cancelled")
    expect(trader.orders).to_have_count(0)
    expect(trader.figure("cash")).to_have_text("$10,000.00")


def test_commit_acts_on_the_newest_order(trader: BrowserUser, new_symbol: Callable[[], str]):
    older, newer = new_symbol(), new_symbol()
    trader.place("Buy", older, "1000")
    trader.sees_message("Buy order placed")
    trader.place("Buy", newer, "2000")
    expect(trader.orders).to_have_count(2)
    expect(trader.orders.last).to_contain_text("not the newest")
    trader.settle("Commit")
    expect(trader.orders).to_have_count(1)
    expect(trader.orders).to_contain_text(older)
    trader.settle("Commit")
    expect(trader.orders).to_have_count(0)


def test_bought_shares_can_be_sold(trader: BrowserUser, symbol: str):
    trader.place("Buy", symbol, "1000")
    trader.settle("Commit")
    trader.sees_message("Bought", "10 shares")
    trader.place("Sell", symbol, "350")
    trader.sees_message("Sell order placed", "3 shares")
    trader.settle("Commit")
    trader.sees_message("Sold", "3 shares")
    trader.go("/")
    expect(trader.position(symbol)).to_contain_text("7 shares")


def test_a_rejected_order_says_why(trader: BrowserUser, site: SiteUnderTest, symbol: str):
    trader.place("Buy", symbol, "10000.01")
    trader.sees_message("Buy order: rejected", "Not enough available cash.")
    trader.place("Sell", symbol, "100")
    trader.sees_message("Sell order: rejected", "There are no shares of this stock to sell.")
    site.quotes.set_price(symbol, None)
    trader.place("Buy", symbol, "100")
    trader.sees_message("Buy order: rejected", "No quote available.")
    trader.go("/history")
    expect(trader.page.locator("tr[data-row]", has_text="Rejected")).to_have_count(3)


def test_the_outcome_of_an_order_that_waits_for_a_quote_appears_later(
    trader: BrowserUser, site: SiteUnderTest, symbol: str
):
    site.quotes.be_silent(symbol)
    trader.place("Buy", symbol, "100")
    trader.sees_message("Buy order: in progress")
    trader.sees_message("Buy order: rejected", "No quote available.")


def test_two_people_at_once_see_only_their_own(new_person: Callable[..., BrowserUser], symbol: str):
    first, second = new_person().join("1000"), new_person().join("2000")
    for person in (first, second):
        person.go("/")
        person.is_live()
    first.place("Buy", symbol, "300")
    first.settle("Commit")
    first.sees_message("Bought")
    first.go("/")
    expect(first.position(symbol)).to_contain_text("3 shares")
    expect(first.figure("cash")).to_have_text("$700.00")
    expect(second.figure("cash")).to_have_text("$2,000.00")
    expect(second.position(symbol)).to_have_count(0)
    second.go("/history")
    expect(second.page.locator("tr[data-row]")).to_have_count(1)


def test_another_tab_of_the_same_person_is_updated(trader: BrowserUser, symbol: str):
    trader.go("/")
    trader.is_live()
    other = BrowserUser(trader.page.context, trader.url, trader.name)
    other.place("Buy", symbol, "1000")
    expect(trader.orders).to_have_count(1)
    other.settle("Commit")
    expect(trader.position(symbol)).to_contain_text("10 shares")
    assert not other.complaints


def test_log_out_change_password_and_log_in_again(new_person: Callable[..., BrowserUser]):
    person = new_person().sign_up()
    person.go("/password")
    person.page.get_by_label("Current password").fill(PASSWORD)
    person.page.get_by_label("New password").fill("another horse battery")
    person.page.get_by_role("button", name="Change password").click()
    person.sees_message("Password changed")
    person.page.get_by_label(f"Menu of {person.name}").click()
    person.page.get_by_role("button", name="Log out").click()
    expect(person.page.get_by_role("heading", name="Log in")).to_be_visible()
    person.go("/history")
    expect(person.page.get_by_role("heading", name="Log in")).to_be_visible()
    person.page.get_by_label("User").fill(person.name)
    person.page.get_by_label("Password").fill("another horse battery")
    person.page.get_by_role("button", name="Log in").click()
    expect(person.page.get_by_role("heading", name="History")).to_be_visible()
