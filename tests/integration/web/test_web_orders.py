"""Orders by shares, commits that name their order, and allowances, through the API (spec §3a)."""

import pytest

from tests.integration.web.website import Caller, Website


@pytest.fixture
def caller(website: Website) -> Caller:
    return website.api(website.person())


def test_orders_by_shares_and_named_commits_have_their_outcome(caller: Caller) -> None:
    caller.give("ADD", amount="100000.00")
    orders = [caller.give("BUY", symbol="ABC", shares=shares).json for shares in (3, 4)]
    assert [(order["status"], order["shares"]) for order in orders] == [("done", 3), ("done", 4)]
    older, newer = (order["seq"] for order in orders)
    refused = caller.give("COMMIT_BUY", order=older)
    assert (refused.json["reason"], refused.json["newest_order"]) == ("not_newest_order", newer)
    assert caller.get(refused.headers["Location"].removeprefix("/api/v1")).json["newest_order"] == newer
    assert caller.give("COMMIT_BUY", order=newer).json["shares"] == 4
    assert caller.give("CANCEL_BUY", order=older).json["status"] == "done"
    assert caller.give("SELL", symbol="ABC", shares=5).json["reason"] == "too_few_shares"
    assert caller.give("SELL", symbol="ABC", shares=4).json["shares"] == 4
    assert caller.give("COMMIT_SELL").json["status"] == "done"


@pytest.mark.parametrize(
    "given", [{}, {"amount": "1.00", "shares": 1}, {"shares": 0}, {"shares": "1"}, {"shares": 1.5}]
)
def test_an_order_names_an_amount_or_shares_and_not_both(caller: Caller, given: dict) -> None:
    assert caller.give("BUY", symbol="ABC", **given).status_code == 422


def test_a_form_whose_order_is_blank_does_nothing(website: Website) -> None:
    user = website.person()
    caller, browser = website.api(user), website.browser()
    caller.give("ADD", amount="1000.00")
    caller.give("BUY", symbol="ABC", shares=1)
    caller.give("SET_BUY_AMOUNT", symbol="ABC", amount="10.00")
    browser.log_in(user)
    for command, fields in (
        *((name, {"order": " "}) for name in ("COMMIT_BUY", "CANCEL_BUY")),
        ("CANCEL_SET_BUY", {"symbol": "ABC", "version": " "}),
    ):
        browser.client.post(f"/commands/{command}", data=browser.form("/") | fields)
    assert len(caller.get("/orders").json) == len(caller.get("/triggers").json) == 1


def test_a_key_of_an_order_by_shares_is_not_that_of_an_amount(caller: Caller) -> None:
    caller.give("ADD", amount="1000.00")
    caller.give("BUY", key="one", symbol="ABC", amount="1")
    assert caller.give("BUY", key="one", symbol="ABC", shares=1).status_code == 409


def test_a_person_arms_no_more_triggers_than_their_allowance(website: Website) -> None:
    app = website.another(TRIGGER_ALLOWANCE="1")
    caller = website.api(website.person(), app)
    caller.give("ADD", amount="1000.00")
    for symbol in ("AAA", "BBB"):
        caller.give("SET_BUY_AMOUNT", symbol=symbol, amount="10.00")
    answers = [caller.give("SET_BUY_TRIGGER", symbol=symbol, price="0.01").json for symbol in ("AAA", "BBB")]
    assert [answer["reason"] for answer in answers] == [None, "trigger_allowance_used_up"]
    website.close_app(app)


def test_a_person_causes_no_more_paid_quotes_than_their_allowance(website: Website) -> None:
    app = website.another(QUOTE_ALLOWANCE="1")
    caller = website.api(website.person(), app)
    caller.give("ADD", amount="10000.00")
    assert caller.give("QUOTE", symbol="QAA").json["status"] == "done"
    refused = [caller.give("QUOTE", symbol="QAB").json, caller.give("BUY", symbol="QAC", shares=1).json]
    assert {answer["reason"] for answer in refused} == {"quote_allowance_used_up"}
    assert caller.give("BUY", symbol="QAA", shares=1).json["status"] == "done", "a cached quote is free"
    used = caller.get("/allowances").json
    assert (used["paid_quotes"], used["paid_quotes_max"]) == (1, 1)
    website.close_app(app)


def test_the_page_says_when_triggers_are_paused(website: Website) -> None:
    app = website.another(REFRESH_BUDGET="0")
    user = website.person()
    website.api(user).give("ADD", amount="10.00")
    website.api(user).give("SET_BUY_AMOUNT", symbol="ABC", amount="10.00")
    browser = website.browser(app)
    browser.log_in(user)
    assert "Triggers are paused" in browser.get("/triggers").text
    website.close_app(app)
    browser = website.browser()
    browser.log_in(user)
    page = browser.get("/triggers").text
    assert "Triggers are paused" not in page and "0 of 25 armed" in page
