"""Security events: each has its line in the log, and no line holds a secret."""

from structlog.testing import capture_logs

from tests.integration.web.website import PASSWORD, Website
from webapp import admin, people

NEW_PASSWORD = "another horse, another battery"
WRONG = "wrong horse"


def test_each_security_event_has_a_line_and_none_holds_a_secret(website: Website, monkeypatch) -> None:
    user, plain = website.person(), website.person()
    secrets = [PASSWORD, NEW_PASSWORD, WRONG]
    with capture_logs() as lines:
        app = website.app
        browser = website.browser()
        browser.post("/signup", page="/signup", user="eventful", password=PASSWORD)
        browser.post("/logout", page="/")
        browser.log_in(user, WRONG)
        browser.log_in(WRONG.replace(" ", ""), PASSWORD)
        browser.log_in(user)
        secrets.append(browser.cookie)
        browser.get("/operations")
        browser.client.post("/api/v1/commands", json={"command": "ADD", "amount": "1.00"})
        with browser.get("/history.csv") as export:
            assert export.data
        credentials = {"user": user, "password": PASSWORD, "name": "x", "scope": "read"}
        made = app.test_client().post("/api/v1/tokens", json=credentials).json
        secrets.append(made["token"])
        caller = website.caller(made["token"])
        caller.give("ADD", amount="1.00")
        website.api(user).delete(f"/tokens/{made['token_id']}")
        assert caller.get("/account").status_code == 401
        website.api(user).give("DUMPLOG", filename="log.xml", wait=0)
        browser.post("/password", page="/password", old=WRONG, new=NEW_PASSWORD)
        browser.post("/password", page="/password", old=PASSWORD, new=NEW_PASSWORD)
        assert admin.promote(website.owners_store, plain, existing=True) == 0
        limited = website.another(WEB_LIMITS="on").test_client()
        for _ in range(11):
            limited.post("/api/v1/tokens", json=credentials | {"password": WRONG, "user": "no one"})
    told = {(line["event"], line.get("person")) for line in lines if line.get("topic") == "security"}
    assert told >= {
        ("signed up", "eventful"),
        ("logged out", "eventful"),
        ("wrong password", user),
        ("wrong password", None),
        ("logged in", user),
        ("denied", user),
        ("history exported", user),
        ("token created", user),
        ("token revoked", user),
        ("token refused", None),
        ("dump requested", user),
        ("wrong current password", user),
        ("password changed, other sessions and tokens ended", user),
        ("role changed to administrator, sessions and tokens ended", plain),
        ("limit reached", None),
    }
    assert website.rows("SELECT role::text FROM people WHERE user_id = %s", plain) == [(people.ADMINISTRATOR,)]
    everything = repr(lines)
    assert not [secret for secret in secrets if secret in everything or secret.replace(" ", "") in everything]
