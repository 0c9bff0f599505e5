"""A command whose answer was lost: the person presses the button again, and the command is done only once."""

from playwright.sync_api import expect

from tests.browser.person import BrowserUser


def test_funds_are_added_once_if_the_page_was_redrawn_before_the_second_press(trader: BrowserUser):
    """The page redraws the form, which must keep its values and its idempotency key."""
    trader.go("/")
    trader.is_live()
    amount, add = (
        trader.page.get_by_label("Amount in dollars"),
        trader.page.get_by_role("button", name="Add", exact=True),
    )
    trader.page.route("**/commands/ADD", lambda route: (route.fetch(), route.abort()))
    amount.fill("7")
    add.click()
    trader.sees_message("No answer from the server", "it will not be done twice")
    expect(trader.figure("cash")).to_have_text("$10,007.00")
    trader.page.unroute("**/commands/ADD")
    expect(amount).to_have_value("7")
    add.click()
    trader.sees_message("Funds added", "$7.00")
    expect(amount).to_have_value("")
    expect(trader.figure("cash")).to_have_text("$10,007.00")
    assert len(trader.page.request.get(f"{trader.url}/history.json?kind=ADD").json()) == 2
    trader.complaints.clear()  # errors of the interrupted request
