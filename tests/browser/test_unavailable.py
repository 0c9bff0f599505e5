"""Database or broker cut_off: the page says so with status 503 and when to come back, and nothing is half done."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.person import BrowserUser
from tests.browser.site import SiteUnderTest


def test_without_the_database(new_person: Callable[..., BrowserUser], second_site: Callable[..., SiteUnderTest]):
    cut_off = second_site("web", DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing")
    person = new_person()
    answer = person.page.goto(f"{cut_off.url}/login")
    assert answer.status in (200, 503)
    person.page.get_by_label("User").fill("somebody")
    person.page.get_by_label("Password").fill("whatever it was")
    with person.page.expect_response(lambda response: response.request.method == "POST") as answered:
        person.page.get_by_role("button", name="Log in").click()
    assert answered.value.status == 503
    assert int(answered.value.headers["retry-after"]) > 0
    expect(person.page.get_by_role("heading", name="Temporarily unavailable")).to_be_visible()
    expect(person.page.get_by_text("Your money and your orders are safe.")).to_be_visible()
    assert all("status of 503" in complaint for complaint in person.complaints), person.complaints
    person.complaints.clear()


def test_without_the_broker(new_person: Callable[..., BrowserUser], second_site: Callable[..., SiteUnderTest]):
    cut_off = second_site("web", AMQP_URL="amqp://guest:guest@127.0.0.1:1/nothing")
    person = new_person(java_script_enabled=False)
    person.url = cut_off.url
    person.sign_up()
    person.page.get_by_label("Amount in dollars").fill("100")
    with person.page.expect_response(lambda response: response.request.method == "POST") as answered:
        person.page.get_by_role("button", name="Add funds").click()
    assert answered.value.status == 503
    assert int(answered.value.headers["retry-after"]) > 0
    expect(person.page.get_by_role("heading", name="Temporarily unavailable")).to_be_visible()
    person.go("/history")
    expect(person.page.get_by_text("Nothing has happened yet")).to_be_visible()
    person.complaints.clear()
