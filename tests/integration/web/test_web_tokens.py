"""API tokens: what each allows, and everything that ends it."""

from runtime.wall_clock import now_ms
from tests.integration.web.website import PASSWORD, Website

DAY_MS = 24 * 3600 * 1000
NEW_PASSWORD = "another horse, another battery"


def _asked_for(website: Website, user: str, **changed: object):
    client = website.app.test_client(use_cookies=False)
    return client.post("/api/v1/tokens", json={"user": user, "password": PASSWORD, "name": "laptop"} | changed)


def test_a_token_is_given_for_name_and_password_and_is_kept_nowhere(website: Website) -> None:
    user = website.person()
    assert _asked_for(website, user, password="wrong wrong").status_code == 403
    token = _asked_for(website, user).json["token"]
    assert website.caller(token).get("/account").json["user"] == user
    assert token not in str(website.rows("SELECT * FROM api_tokens"))


def test_a_revoked_token_works_no_longer(website: Website) -> None:
    caller = website.api(website.person())
    (token,) = caller.get("/tokens").json
    assert caller.delete(f"/tokens/{token['token_id']}").status_code == 204
    response = caller.get("/account")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_changing_the_password_ends_every_token_and_makes_room_for_new_ones(website: Website) -> None:
    browser, user = website.browser(), website.person()
    browser.log_in(user)
    caller = website.api(user)
    assert caller.get("/account").status_code == 200
    browser.post("/password", page="/password", old=PASSWORD, new=NEW_PASSWORD)
    assert caller.get("/account").status_code == 401
    assert website.api(user).get("/tokens").json[1:] == [], "the ended token is not listed"


def test_a_token_expires_after_the_days_asked_for_and_after_90_by_default(website: Website) -> None:
    user = website.person()
    for asked, days in (({}, 90), ({"days": 2}, 2)):
        token = _asked_for(website, user, **asked).json
        assert 0 <= now_ms() + days * DAY_MS - token["expires_at_ms"] < DAY_MS
        caller = website.caller(token["token"])
        assert caller.get("/account").status_code == 200
        with website.connect() as connection:
            connection.execute(
                "UPDATE api_tokens SET expires_at_ms = %s WHERE token_id = %s", (now_ms() - 1, token["token_id"])
            )
        assert caller.get("/account").status_code == 401
    assert _asked_for(website, user, days=366).status_code == 422


def test_a_token_with_the_scope_read_changes_nothing(website: Website) -> None:
    user = website.person()
    caller = website.caller(_asked_for(website, user, scope="read").json["token"])
    (listed,) = caller.get("/tokens").json
    assert (listed["name"], listed["scope"]) == ("laptop", "read")
    assert listed["last_used_at_ms"] is not None
    for answer in (
        caller.give("ADD", amount="1.00"),
        caller.put("/watchlist/ABC"),
        caller.delete(f"/tokens/{listed['token_id']}"),
    ):
        assert answer.status_code == 403
        assert "may only read" in answer.json["detail"]
    assert website.history(user) == []


def test_a_token_with_the_scope_read_changes_nothing_through_the_pages_either(website: Website) -> None:
    browser, user = website.browser(), website.person()
    token = _asked_for(website, user, scope="read").json["token"]
    browser.get("/login")  # a CSRF token needs no login
    browser.client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    assert browser.post("/commands/ADD", amount="5.00", form_token="once").status_code == 403
    assert website.history(user) == []
