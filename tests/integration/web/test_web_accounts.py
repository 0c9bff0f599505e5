"""People: their passwords, their sessions, and that nobody is ever taken for somebody else."""

import pytest
from argon2 import PasswordHasher

from tests.integration.web.website import PASSWORD, Website
from webapp import passwords, people

NEW_PASSWORD = "another horse, another battery"


def test_sign_up_logs_in_under_the_chosen_name(website: Website) -> None:
    browser = website.browser()
    assert browser.post("/signup", page="/signup", user="newcomer", password=PASSWORD).status_code == 303
    assert browser.user() == "newcomer"


@pytest.mark.parametrize(("user", "password"), [("no spaces", PASSWORD), ("", PASSWORD), ("shorty", "1234567"),
                                                ("samesame", "SAMESAME"), ("repeats", "aaaaaaaaaaaa"),
                                                ("common", "password"), ("digits", "12345678"), ("first", "Jennifer"),
                                                ("admin", PASSWORD), ("Day-Trade", PASSWORD)])  # fmt: skip
def test_sign_up_refuses_bad_names_and_passwords(website: Website, user: str, password: str) -> None:
    browser = website.browser()
    assert browser.post("/signup", page="/signup", user=user, password=password).status_code == 422
    assert browser.user() is None


def test_a_name_with_an_account_but_no_person_cannot_be_signed_up_for(website: Website) -> None:
    """The account's money may be somebody's: for instance, a workload created the account."""
    with website.connect() as connection:
        connection.execute("INSERT INTO accounts VALUES ('orphan', true, 100, 0, 0)")
    browser = website.browser()
    assert browser.post("/signup", page="/signup", user="orphan", password=PASSWORD).status_code == 422
    assert browser.user() is None


def test_a_password_that_is_no_text_is_refused() -> None:
    """A shell passes any bytes on."""
    assert "UTF-8" in (passwords.fault("\udcff secret word", "somebody") or "")


def test_a_wrong_password_and_an_unknown_name_are_told_the_same(website: Website) -> None:
    user = website.person()
    wrong = website.browser().log_in(user, "not the password")
    unknown = website.browser().log_in("nobody-at-all", "not the password")
    assert wrong.status_code == unknown.status_code == 422
    for response in (wrong, unknown):
        assert "The name or the password is wrong." in response.text


def test_the_session_id_changes_at_login_and_the_old_cookie_stays_worthless(website: Website) -> None:
    browser, user = website.browser(), website.person()
    browser.get("/login")
    before = browser.cookie
    assert browser.log_in(user).status_code == 303
    assert browser.cookie != before
    browser.cookie = before
    assert browser.user() is None


def test_a_copy_of_the_cookie_is_worthless_after_logging_out(website: Website) -> None:
    browser, thief, user = website.browser(), website.browser(), website.person()
    browser.log_in(user)
    thief.cookie = browser.cookie
    assert thief.user() == user
    browser.post("/logout", page="/")
    assert browser.user() is None
    assert thief.user() is None


def test_changing_the_password_ends_all_other_sessions_and_renews_this_one(website: Website) -> None:
    here, elsewhere, user = website.browser(), website.browser(), website.person()
    here.log_in(user)
    elsewhere.log_in(user)
    before = here.cookie
    assert here.post("/password", page="/password", old=PASSWORD, new=NEW_PASSWORD).status_code == 303
    assert here.user() == user
    assert here.cookie != before
    assert elsewhere.user() is None
    assert website.browser().log_in(user, PASSWORD).status_code == 422
    assert website.browser().log_in(user, NEW_PASSWORD).status_code == 303


def test_the_password_is_not_changed_without_the_old_one(website: Website) -> None:
    browser, user = website.browser(), website.person()
    browser.log_in(user)
    browser.post("/password", page="/password", old="not it", new=NEW_PASSWORD)
    assert website.browser().log_in(user).status_code == 303


def test_an_outdated_hash_is_renewed_at_login(website: Website, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())
    user = website.person()
    people.set_hash(website.store, user, PasswordHasher(time_cost=1, memory_cost=8_192).hash(PASSWORD))
    website.browser().log_in(user)
    _, password_hash = people.find(website.store, user)
    assert not PasswordHasher().check_needs_rehash(password_hash)


def test_cookies_are_for_this_site_and_no_script(website: Website) -> None:
    header = website.app.test_client().get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Secure" not in header
    secure = website.another(WEB_HTTPS="yes").test_client().get("/login", base_url="https://localhost")
    assert "; Secure" in secure.headers["Set-Cookie"]
    assert secure.headers["Set-Cookie"].startswith("__Host-")
    assert "Strict-Transport-Security" in secure.headers


def test_forms_and_calls_with_a_session_need_the_csrf_token(website: Website) -> None:
    browser, user = website.browser(), website.person()
    browser.log_in(user)
    body = {"command": "ADD", "amount": "1.00"}
    assert browser.client.post("/commands/ADD", data={"amount": "1.00"}).status_code == 400
    assert browser.client.post("/api/v1/commands", json=body).status_code == 403
    assert browser.client.post("/logout").status_code == 400
    assert website.history(user) == []
    assert browser.user() == user


def test_an_empty_token_does_not_take_the_place_of_the_csrf_token(website: Website) -> None:
    browser, user = website.browser(), website.person()
    browser.log_in(user)
    for authorization in ("Bearer ", "Bearer", "Bearer a=b"):
        headers = {"Authorization": authorization}
        response = browser.client.put("/api/v1/watchlist/ABC", headers=headers)
        assert response.status_code in (401, 403), authorization
    assert browser.client.get("/api/v1/watchlist").json == []


def test_the_user_comes_from_the_session_never_from_the_form(website: Website) -> None:
    browser, user, victim = website.browser(), website.person(), website.person()
    browser.log_in(user)
    browser.post("/commands/ADD", page="/", amount="5.00", user=victim, user_id=victim, form_token="once")
    assert website.history(user) == [("command", "ADD", "done", None, 500)]
    assert website.history(victim) == []


def test_pages_are_for_those_who_logged_in_and_operations_for_administrators(website: Website) -> None:
    browser = website.browser()
    assert browser.get("/trade").headers["Location"].startswith("/login?next=")
    assert browser.get("/operations").status_code == 302
    browser.log_in(website.person())
    assert browser.get("/trade").status_code == 200
    assert browser.get("/operations").status_code == 403
    administrator = website.browser()
    administrator.log_in(website.person(people.ADMINISTRATOR))
    assert administrator.get("/operations").status_code == 200


def test_after_login_nobody_is_sent_to_another_site(website: Website) -> None:
    for address in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        browser = website.browser()
        response = browser.post("/login", user=website.person(), password=PASSWORD, next=address)
        assert "evil" not in response.headers["Location"]


def test_logins_are_limited_by_address(website: Website) -> None:
    app = website.another(WEB_LIMITS="on")
    browser = website.browser(app)
    statuses = [browser.log_in("nobody", "wrong wrong").status_code for _ in range(12)]
    assert statuses[:10] == [422] * 10
    assert statuses[10:] == [429] * 2
    response = browser.client.post("/api/v1/tokens", json={"user": "nobody", "password": "wrong", "name": "x"})
    assert response.status_code in (403, 429)


def test_every_answer_has_security_headers(website: Website) -> None:
    for path in ("/login", f"{website.app.static_url_path}/js/app.js", "/api/v1/account", "/nowhere"):
        with website.app.test_client().get(path) as response:
            headers = response.headers
        policy = headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
