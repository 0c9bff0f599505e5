"""`make admin`: an operator makes a person an administrator, and never a stranger by mistake."""

import os
from contextlib import suppress

import pytest
from sqlalchemy.engine import make_url

from schema.errors import SettingsError, StoreError
from tests.integration.web.website import Website
from webapp import admin, people
from webapp.store import Store


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "TERMINAL", "/nowhere/tty", raising=False)


def _role(website: Website, user: str) -> str:
    return people.find(website.store, user)[0].role


def test_a_stranger_who_signed_up_under_the_name_is_not_promoted(website: Website, monkeypatch) -> None:
    stranger = website.person()
    monkeypatch.setenv("PASSWORD", "the operator believes that the name is new")
    with pytest.raises(SettingsError, match=f"{stranger} exists already"):
        admin.promote(website.owners_store, stranger)
    assert _role(website, stranger) == people.USER


def test_an_operator_learns_why_the_database_cannot_be_used(website: Website) -> None:
    url = make_url(website.system.environment["DATABASE_URL"]).set(database="nowhere")
    store = Store(url.render_as_string(hide_password=False), 1)
    with pytest.raises(StoreError, match='database "nowhere" does not exist'):
        admin.promote(store, "somebody")
    store.close()


def test_a_promotion_ends_the_persons_sessions_and_tokens(website: Website) -> None:
    browser, user = website.browser(), website.person()
    browser.log_in(user)
    caller = website.api(user)
    assert caller.get("/account").status_code == 200
    assert admin.promote(website.owners_store, user, existing=True) == 0
    assert browser.user() is None
    assert caller.get("/account").status_code == 401
    browser.log_in(user)
    assert browser.get("/operations").status_code == 200


@pytest.mark.parametrize(("answer", "code", "role"), [("y", 0, people.ADMINISTRATOR), ("", 1, people.USER)])
def test_at_a_terminal_the_operator_is_asked_whether_the_person_is_meant(
    website: Website, monkeypatch, wait_for, answer: str, code: int, role: str
) -> None:
    user = website.person()
    ours, theirs = os.openpty()
    monkeypatch.setattr(admin, "TERMINAL", os.ttyname(theirs))
    os.write(ours, f"{answer}\n".encode())
    assert admin.promote(website.owners_store, user) == code
    os.set_blocking(ours, False)
    said = bytearray()

    def is_asked() -> bool:
        with suppress(BlockingIOError):
            said.extend(os.read(ours, 10_000))  # the terminal's echo of the answer may come alone
        return b"exists already" in said

    wait_for(is_asked, 5, "the question")
    assert _role(website, user) == role
    os.close(ours)
    os.close(theirs)


def test_a_name_said_to_exist_is_not_created(website: Website, monkeypatch) -> None:
    monkeypatch.setenv("PASSWORD", "a password for nobody")
    assert admin.promote(website.owners_store, "misspelt-name", existing=True) == 1
    assert people.find(website.store, "misspelt-name") is None


def test_a_new_administrator_may_have_a_reserved_name(website: Website, monkeypatch) -> None:
    monkeypatch.setenv("PASSWORD", "the password of an operator")
    assert admin.promote(website.owners_store, "root") == 0
    assert _role(website, "root") == people.ADMINISTRATOR
