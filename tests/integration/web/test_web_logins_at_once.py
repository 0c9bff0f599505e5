"""Many logins at once: passwords are looked at in a bounded pool, and orders go on beside it."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.web.website import Website
from webapp import passwords

AT_ONCE = passwords.HASHES_AT_ONCE + passwords.QUEUED_MAX
LOGINS = 3 * AT_ONCE


class HeldHasher:
    """Hasher whose checks last until the test lets them go on; it then says that the password is right."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def verify(self, _hash: str, _password: str) -> bool:
        assert self.go_on.wait(60)
        return True

    def check_needs_rehash(self, _hash: str) -> bool:
        return False


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch):
    hasher = HeldHasher()
    monkeypatch.setattr(passwords, "_hasher", hasher)
    yield hasher
    hasher.go_on.set()


def test_more_logins_than_places_are_told_to_come_back_and_an_order_goes_on(website: Website, held, wait_for) -> None:
    user = website.person()
    body = {"user": user, "password": "some password", "name": "x"}
    with ThreadPoolExecutor(LOGINS) as pool:
        logins = [
            pool.submit(lambda: website.app.test_client().post("/api/v1/tokens", json=body)) for _ in range(LOGINS)
        ]
        refused = LOGINS - AT_ONCE
        wait_for(lambda: sum(login.done() for login in logins) == refused, what="those without a place are refused")
        for response in (login.result() for login in logins if login.done()):
            assert response.status_code == 429
            assert int(response.headers["Retry-After"]) > 0
            assert "Try again" in response.json["detail"]
        assert website.api(website.person()).give("ADD", amount="1.00").json["status"] == "done"
        assert website.browser().get("/login").status_code == 200
        held.go_on.set()
        statuses = [login.result().status_code for login in logins]
    assert sorted(statuses) == [201] * AT_ONCE + [429] * refused


def test_hashes_are_computed_at_a_lower_priority(website: Website) -> None:
    theirs = passwords._in_pool(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert theirs >= passwords.NICENESS
