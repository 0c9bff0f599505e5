"""Limits by account, by network and by person: who is stopped, and who still gets in."""

from urllib.parse import urlsplit

import pytest

from tests.integration.web.website import PASSWORD, Browser, Website
from webapp import people
from webapp.addresses import network_of
from webapp.limits import limiter

WRONG = "wrong wrong"


@pytest.fixture(scope="module")
def app(website: Website):
    return website.another(WEB_LIMITS="on", WEB_PROXIES="1")


@pytest.fixture(autouse=True)
def _limits_are_on(app) -> None:
    limiter.enabled = True


@pytest.fixture
def person(website):
    return website.person


def _from(address: str, browser: Browser) -> Browser:
    browser.client.environ_base["HTTP_X_FORWARDED_FOR"] = address
    return browser


def _guess(app, user: str, address: str) -> int:
    body = {"user": user, "password": WRONG, "name": "x"}
    headers = {"X-Forwarded-For": address}
    return app.test_client().post("/api/v1/tokens", json=body, headers=headers).status_code


def test_wrong_passwords_from_many_addresses_are_stopped_and_a_known_browser_still_gets_in(
    website, app, person
) -> None:
    user = person()
    known = _from("198.51.100.7", website.browser(app))
    assert known.log_in(user).status_code == 303
    known.post("/logout", page="/")
    statuses = [_guess(app, user, f"192.0.2.{number}") for number in range(25)]
    assert statuses == [403] * 20 + [429] * 5
    stranger = _from("198.51.100.8", website.browser(app)).log_in(user, PASSWORD)
    assert stranger.status_code == 429
    assert int(stranger.headers["Retry-After"]) > 0
    assert "Too many wrong passwords" in stranger.text
    assert known.log_in(user).status_code == 303
    assert _guess(app, person(), "192.0.2.1") == 403, "another person's name is another limit"


def test_a_known_browser_has_a_limit_of_its_own(website, app, person) -> None:
    user = person()
    known = website.browser(app)
    _from("198.51.100.9", known).log_in(user)
    known.post("/logout", page="/")
    statuses = [_from(f"203.0.113.{n}", known).log_in(user, WRONG).status_code for n in range(22)]
    assert statuses == [422] * 20 + [429] * 2
    assert _from("203.0.113.99", website.browser(app)).log_in(user).status_code == 303


def test_a_right_password_ends_the_count_of_wrong_ones(website, app, person) -> None:
    user = person()
    for round_ in range(2):
        assert {_guess(app, user, f"192.0.2.{30 + number}") for number in range(15)} == {403}
        assert _from(f"198.51.100.{20 + round_}", website.browser(app)).log_in(user).status_code == 303


def test_all_addresses_of_one_ipv6_network_are_one_client(website, app) -> None:
    statuses = [_guess(app, f"nobody{number}", f"2001:db8:0:1::{number:x}") for number in range(12)]
    assert statuses == [403] * 10 + [429] * 2
    assert _guess(app, "nobody", "2001:db8:0:2::1") == 403


def test_logins_and_passwords_for_tokens_are_counted_together(website, app) -> None:
    browser = _from("192.0.2.77", website.browser(app))
    assert [browser.log_in(f"nobody{number}", WRONG).status_code for number in range(6)] == [422] * 6
    assert [_guess(app, "nobody", "192.0.2.77") for _ in range(5)] == [403] * 4 + [429]


def test_guesses_at_the_password_in_a_session_are_limited(website, app, person) -> None:
    user = person()
    browser = _from("192.0.2.78", website.browser(app))
    browser.log_in(user)
    statuses = [
        browser.post("/password", page="/password", old=WRONG, new="another horse, another battery").status_code
        for _ in range(12)
    ]
    assert statuses == [422] * 10 + [429] * 2
    assert browser.get("/").status_code == 200, "the session goes on"


def test_no_text_in_a_header_makes_a_new_client(website, app) -> None:
    """`X-RateLimit-Remaining` counts down, whatever the client writes into Authorization."""
    headers = {"X-Forwarded-For": "192.0.2.79"}
    left = []
    for authorization in ("Bearer", "bearer x", "Bearer y", "Basic eDp5", "Bearer  z"):
        response = app.test_client().get("/api/v1/account", headers=headers | {"Authorization": authorization})
        left.append(int(response.headers["X-RateLimit-Remaining"]))
    assert left == list(range(left[0], left[0] - 5, -1))


def test_a_person_is_one_client_by_session_and_by_every_token_from_everywhere(website, app, person) -> None:
    user = person()
    first, second = website.api(user, app), website.api(user, app)
    browser = _from("192.0.2.80", website.browser(app))
    browser.log_in(user)
    left = [
        int(response.headers["X-RateLimit-Remaining"])
        for response in (first.get("/account"), second.get("/account"), browser.get("/api/v1/account"))
    ]
    assert left == [left[0], left[0] - 1, left[0] - 2]
    assert left[0] > 5_000


def test_operations_shows_allowances_before_they_bite_and_what_was_refused(website, wait_for) -> None:
    app = website.another(WEB_LIMITS="on", TRIGGER_ALLOWANCE="1", QUOTE_ALLOWANCE="1")
    administrator = website.api(website.person(people.ADMINISTRATOR), app)
    before = administrator.get("/operations").json["pressure"]
    caller = website.api(website.person(), app)
    caller.give("ADD", amount="100.00")
    assert caller.give("QUOTE", symbol="OPA").json["status"] == "done"
    for symbol in ("OPB", "OPC"):
        caller.give("SET_BUY_AMOUNT", symbol=symbol, amount="1.00")
        caller.give("SET_BUY_TRIGGER", symbol=symbol, price="1.00")
    _guess(app, "nobody", "192.0.2.81")
    statuses = [_guess(app, "nobody", "127.0.0.1") for _ in range(12)]
    assert 429 in statuses
    after = administrator.get("/operations").json["pressure"]
    assert after["paid_quotes_today"] >= before["paid_quotes_today"] + 1
    assert after["near_paid_quotes"] == before["near_paid_quotes"] + 1
    assert after["near_armed"] == before["near_armed"] + 1
    assert after["refused"]["trigger_allowance_used_up"] == 1
    assert after["refused"]["rate of calls"] >= 1


def test_only_a_refusal_by_a_limit_says_when_the_limit_ends(website, app) -> None:
    """The limits end in up to an hour, but an order expires in a minute, and the database is back in seconds."""
    caller = website.api(website.person(), app)
    assert "Retry-After" not in caller.get("/account").headers
    given = caller.give("ADD", wait=0, amount="1.00")
    assert given.json["status"] == "pending" and "Retry-After" not in given.headers
    nowhere = (
        urlsplit(website.system.environment["DATABASE_URL"])._replace(netloc="daytrade:secret@127.0.0.1:1").geturl()
    )
    unreachable = website.another(DATABASE_URL=nowhere, WEB_LIMITS="on", WEB_PROXIES="1")
    body, headers = {"user": "nobody", "password": WRONG, "name": "x"}, {"X-Forwarded-For": "192.0.2.82"}
    refused = unreachable.test_client().post("/api/v1/tokens", json=body, headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    website.close_app(unreachable)


@pytest.mark.parametrize(("address", "network"), [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ("2001:DB8:1:2::", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"), ("nonsense", "unknown"), ("", "unknown"),
    (None, "unknown"),
])  # fmt: skip
def test_the_network_of_an_address(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_a_person_may_request_only_so_many_dumps_an_hour(website) -> None:
    app = website.another(WEB_LIMITS="on", DUMPS_AN_HOUR="2")
    caller, user = website.api(website.person(), app), website.person()
    first = caller.give("DUMPLOG", filename="a", key="k" * 20)
    assert caller.give("DUMPLOG", filename="a", key="k" * 20).json["command_id"] == first.json["command_id"]
    caller.give("DUMPLOG", filename="b")
    refused = caller.give("DUMPLOG", filename="c")
    assert refused.status_code == 429
    assert refused.json["detail"] == "You may ask for 2 files of the log an hour. Try again later."
    assert int(refused.headers["Retry-After"]) > 0
    assert caller.give("DUMPLOG", filename="a", key="k" * 20).status_code == 200, "a repeated request makes no dump"
    assert caller.give("ADD", amount="1.00").status_code == 200
    assert website.api(user, app).give("DUMPLOG", filename="c").status_code == 200, "another person has another limit"
