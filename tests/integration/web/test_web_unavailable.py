"""Broker or database unreachable: the site asks people to come back; no order is lost, and none is done twice."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.integration.broker import Relay
from tests.integration.web.website import Website


@pytest.fixture
def relay(website: Website) -> Iterator[Relay]:
    relay = Relay(website.system.environment["AMQP_URL"])
    yield relay
    relay.close()


@pytest.fixture
def app(website: Website, relay: Relay, wait_for) -> Iterator[Flask]:
    """A site that reaches the broker through the relay."""
    app = website.another(AMQP_URL=relay.url)
    wait_for(lambda: app.test_client().get("/healthz").status_code == 200)
    yield app
    website.close_app(app)


def test_a_lost_connection_is_replaced_without_any_failed_request(website: Website, app: Flask, relay: Relay) -> None:
    user = website.person()
    caller = website.api(user, app)
    for _ in range(3):
        assert caller.give("ADD", amount="1.00").json["status"] == "done"
        relay.cut()
    assert len(website.history(user)) == 3


def test_an_order_that_was_never_published_has_no_effect(website: Website, app: Flask, relay: Relay, wait_for) -> None:
    user = website.person()
    caller = website.api(user, app)
    relay.refusing = True
    relay.cut()
    wait_for(lambda: app.test_client().get("/healthz").status_code == 503)
    response = caller.give("ADD", key="once", amount="1.00")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.mimetype == "application/problem+json"
    assert response.json["perhaps_taken"] is False
    assert caller.get("/account").status_code == 200
    relay.refusing = False
    wait_for(lambda: app.test_client().get("/healthz").status_code == 200)
    assert caller.give("ADD", amount="2.00").json["status"] == "done"
    assert [row[-1] for row in website.history(user)] == [200]
    assert caller.give("ADD", key="once", amount="1.00").json["status"] == "done"
    assert [row[-1] for row in website.history(user)] == [200, 100]


def test_an_order_whose_confirm_is_lost_has_its_effect_once(
    website: Website, app: Flask, relay: Relay, wait_for
) -> None:
    """The order reached the broker, and the site does not know. Both the site and the person repeat it."""
    user = website.person()
    caller = website.api(user, app)
    relay.mute = True
    response = caller.give("ADD", key="once", amount="1.00")
    assert response.status_code == 503
    assert response.json["perhaps_taken"] is True
    wait_for(
        lambda: app.test_client().get("/healthz").json["broker"] is False,
        what="the site knows that the broker is unreachable",
    )
    refused = caller.give("ADD", key="another", amount="4.00")
    assert (refused.status_code, refused.json["perhaps_taken"]) == (503, False)
    assert "broker is unavailable" in refused.json["detail"]
    wait_for(lambda: len(website.history(user)) == 1, what="its effect")
    relay.mute = False
    relay.cut()
    wait_for(lambda: app.test_client().get("/healthz").status_code == 200)
    answer = caller.give("ADD", key="once", amount="1.00").json
    assert (answer["status"], answer["seq"]) == ("done", 1)
    assert caller.give("ADD", amount="2.00").json["seq"] == 2


def test_another_process_says_that_a_published_order_has_perhaps_been_taken(
    website: Website, app: Flask, relay: Relay, wait_for
) -> None:
    """The second process knows the key only from the database, and cannot reach the broker."""
    user = website.person()
    website.system.kill("transactions-0")
    try:
        assert website.api(user).give("ADD", key="once", wait=0, amount="1.00").status_code == 202
        relay.refusing = True
        relay.cut()
        wait_for(lambda: app.test_client().get("/healthz").status_code == 503)
        for key, perhaps_taken in (("once", True), ("new", False)):
            response = website.api(user, app).give("ADD", key=key, amount="1.00")
            assert (response.status_code, response.json["perhaps_taken"]) == (503, perhaps_taken)
    finally:
        website.system.start("transactions-0")
    wait_for(lambda: len(website.history(user)) == 1, what="its effect")


@pytest.mark.alone  # cut each 150 ms, a slow machine hardly gets a connection
def test_repeated_orders_over_a_breaking_connection_are_neither_lost_nor_doubled(
    website: Website, app: Flask, relay: Relay
) -> None:
    users = [website.person() for _ in range(6)]
    done = threading.Event()

    def insist(user: str) -> int:
        caller = website.api(user, app)
        attempts = 0
        for number in range(25):
            while (response := caller.give("ADD", key=f"order-{number}", amount="1.00")).status_code != 200:
                assert response.status_code in (202, 503), response.text
                attempts += 1
                done.wait(0.05)  # like a person; without the pause, six threads keep the site from connecting
        return attempts

    def disturb() -> None:
        while not done.wait(0.15):
            relay.cut()

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        with ThreadPoolExecutor(len(users)) as threads:
            list(threads.map(insist, users))
    finally:
        done.set()
        disturber.join()
    for user in users:
        assert [row[-1] for row in website.history(user)] == [100] * 25


def test_without_the_database_everything_says_when_to_come_back(website: Website) -> None:
    nowhere = (
        urlsplit(website.system.environment["DATABASE_URL"])._replace(netloc="daytrade:secret@127.0.0.1:1").geturl()
    )
    client = website.another(DATABASE_URL=nowhere).test_client()
    client.set_cookie(website.app.config["SESSION_COOKIE_NAME"], "worthless")
    answers = {path: client.get(path, headers={"Authorization": "Bearer x"}) for path in ("/api/v1/account", "/trade")}
    for response in answers.values():
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
    assert answers["/api/v1/account"].mimetype == "application/problem+json"
    assert answers["/trade"].mimetype == "text/html"
    assert "Traceback" not in answers["/trade"].text
    assert client.get("/healthz").json["database"] is False
    for headers, perhaps_taken in (({}, False), ({"Idempotency-Key": "once"}, True)):
        large = client.post("/api/v1/commands", data=b"x" * 100_000, headers=headers | {"Authorization": "Bearer x"})
        assert (large.status_code, large.json["perhaps_taken"]) == (503, perhaps_taken)


def test_an_order_is_accepted_without_workers_and_executed_when_they_return(website: Website, wait_for) -> None:
    user = website.person()
    caller = website.api(user)
    website.system.kill("transactions-0")
    response = caller.give("ADD", wait=200, amount="1.00")
    assert response.status_code == 202
    assert website.history(user) == []
    website.system.start("transactions-0")
    location = response.headers["Location"].removeprefix("/api/v1")
    wait_for(lambda: caller.get(location, wait=1_000).json["status"] == "done", what="the outcome")
    assert len(website.history(user)) == 1
