"""A database that is read-only, full, busy or restarting: people are told to come back, and workers recover.

None of this is reported as an error of the site.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.engine import make_url

from database import postgres
from schema.errors import StoreAway, StoreError
from tests.integration.broker import Relay
from tests.integration.web.website import PASSWORD, Website
from webapp.site import EXTENSION
from webapp.store import Store
from webapp.unavailable import Unavailable

NOT_NOW = (
    *("08000", "08006", "08P01", "0A000", "25006", "25P03", "26000", "28000", "40001", "40P01", "53000", "53100"),
    *("53200", "53300", "55006", "55P03", "57014", "57P01", "57P02", "57P03", "57P05", "58000", "58030", "F0000"),
    *("XX000", "XX001"),
)
OPERATORS_WORK = ("42501", "42703", "42P01")
MISTAKES = ("22003", "22021", "23505", "25P02", "42601", "54000")

WATCH = ("/watch", {"symbol": "ABC"})

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'as the test wants it' USING ERRCODE = '{}'; END $$"


@pytest.fixture
def alter(website: Website) -> Iterator[Callable[[str], None]]:
    """`alter("SET x = y")` alters the site's database for sessions that begin from now on; undone afterwards."""
    url = make_url(website.system.environment["DATABASE_URL"])
    elsewhere = url.set(database="postgres", drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(elsewhere, autocommit=True) as connection:

        def do(change: str) -> None:
            connection.execute(f'ALTER DATABASE "{url.database}" {change}')

        yield do
        do("RESET ALL")
        do("CONNECTION LIMIT -1")


def test_temporary_database_errors_make_the_site_unavailable_and_mistakes_do_not(website: Website) -> None:
    for state in (*NOT_NOW, *OPERATORS_WORK):
        with pytest.raises(Unavailable):
            website.store.write(RAISE.format(state))
    for state in MISTAKES:
        with pytest.raises(sqlalchemy.exc.DBAPIError):
            website.store.write(RAISE.format(state))


def test_workers_tell_temporary_database_errors_from_permanent_ones(website: Website) -> None:
    with website.connect() as connection:
        for state in (*NOT_NOW, *OPERATORS_WORK, *MISTAKES):
            with pytest.raises(StoreError) as raised, postgres.translated(), connection.transaction():
                connection.execute(RAISE.format(state))
            assert isinstance(raised.value, StoreAway) == (state in NOT_NOW), state


def test_a_read_only_database_can_be_read_and_orders_work_again_when_it_is_writable(
    website: Website, alter, wait_for
) -> None:
    user = website.person()
    browser = website.browser()
    browser.log_in(user)
    assert website.api(user).give("ADD", key="before", amount="1.00").json["status"] == "done"
    alter("SET default_transaction_read_only = on")
    app = website.another()
    wait_for(lambda: app.test_client().get("/healthz").json["broker"])
    caller = website.api(user, app)
    health = app.test_client().get("/healthz")
    assert (health.status_code, health.json["database"]) == (503, False)
    for key in (None, "new"):
        refused = caller.give("ADD", key=key, amount="2.00")
        assert (refused.status_code, refused.json["perhaps_taken"]) == (503, False), refused.text
        assert int(refused.headers["Retry-After"]) > 0
    assert caller.give("ADD", key="before", amount="1.00").json["seq"] == 1, "an order of before has its outcome"
    assert caller.get("/account").json["cash_cents"] == 100
    reader = website.browser(app)
    reader.cookie = browser.cookie
    for path, field in (("/commands/ADD", {"amount": "3.00"}), ("/commands/QUOTE", {"symbol": "ABC"}), WATCH):
        page = reader.client.post(path, data=reader.form("/trade") | field)
        assert page.status_code == 503
        assert "may have been accepted" not in page.text, path
    left = reader.post("/logout", page="/")
    assert (left.status_code, "You are still logged in" in left.text, reader.user()) == (503, True, user)
    with pytest.raises(Unavailable) as raised:
        app.extensions[EXTENSION].store.write(
            "UPDATE people SET session_epoch = 0 WHERE password_hash = :it", it="a secret"
        )
    assert "a secret" not in str(raised.value.__cause__), "the site logs the cause"
    alter("RESET default_transaction_read_only")
    wait_for(lambda: app.test_client().get("/healthz").status_code == 200, what="connections that may write")
    assert caller.give("ADD", key="new", amount="2.00").json["status"] == "done"
    assert [row[-1] for row in website.history(user)] == [100, 200]
    reader.post("/logout", page="/")
    assert browser.user() is None, "the session has ended, also for other holders of its cookie"


@contextmanager
def refused_inserts(website: Website, table: str, sqlstate: str) -> Iterator[None]:
    """Makes Postgres refuse all new rows of a table with this error, until the block ends."""
    with website.connect() as connection:
        connection.autocommit = True
        connection.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'as the test wants it' USING ERRCODE = '{sqlstate}'; END $$"
        )
        connection.execute(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()")
        try:
            yield
        finally:
            connection.execute("DROP FUNCTION refuse CASCADE")


def test_a_sign_up_and_a_new_password_that_were_kept_though_no_session_began_are_not_denied(website: Website) -> None:
    """The database fails between the two writes of each."""
    browser = website.browser()
    browser.log_in(user := website.person())
    new = "another correct horse"
    with refused_inserts(website, "web_sessions", "57P01"):
        signed_up = website.browser().post("/signup", user="halfway", password=new)
        changed = browser.post("/password", page="/password", old=PASSWORD, new=new)
    assert (signed_up.status_code, changed.status_code) == (503, 503)
    assert "Your name may have been created" in signed_up.text
    assert "Your password may have been changed" in changed.text
    for name in ("halfway", user):
        browser = website.browser()
        browser.log_in(name, new)
        assert browser.user() == name


def test_a_site_whose_disk_is_full_is_not_well(website: Website, wait_for, monkeypatch) -> None:
    monkeypatch.setattr("webapp.store.FULL_SECONDS", 1.0)
    app = website.another()
    caller, client = website.api(website.person(), app), app.test_client()
    wait_for(lambda: client.get("/healthz").status_code == 200, what="a site that is well")
    with refused_inserts(website, "idempotency_keys", "53100"):
        answer = caller.give("ADD", key="first", amount="1.00")
    assert answer.status_code == 503
    wait_for(lambda: client.get("/healthz").status_code == 503, what="the fault")
    wait_for(lambda: client.get("/healthz").status_code == 200, what="the recovery")
    website.close_app(app)


def test_a_site_whose_database_is_not_migrated_yet_is_not_well(website: Website) -> None:
    app = website.another(DATABASE_URL=os.environ["DATABASE_URL"])
    health = app.test_client().get("/healthz")
    assert (health.status_code, health.json["database"]) == (503, False)
    assert website.api(website.person(), app).get("/account").status_code == 503, "it will be migrated"
    website.close_app(app)


def test_a_database_without_a_connection_to_spare_is_unavailable(website: Website, alter, wait_for) -> None:
    caller = website.api(website.person())
    alter("CONNECTION LIMIT 0")
    client = website.another().test_client()
    answer = client.get("/api/v1/account", headers={"Authorization": caller.authorization})
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert client.get("/healthz").json["database"] is False
    alter("CONNECTION LIMIT -1")
    wait_for(lambda: client.get("/healthz").json["database"], what="a connection")


def test_while_no_connection_becomes_free_the_site_is_unavailable(website: Website, monkeypatch) -> None:
    monkeypatch.setattr("webapp.store.POOL_WAIT_SECONDS_MAX", 0.5)
    app = website.another(WEB_THREADS="2", WEB_WAITING_MAX="1")
    caller = website.api(website.person(), app)
    assert caller.get("/account").status_code == 200
    store = app.extensions[EXTENSION].store
    downloads = [store.stream("SELECT generate_series(1, 10)") for _ in range(2)]
    for download in downloads:
        next(download)
    answer = caller.get("/account")
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0
    for download in downloads:
        download.close()
    assert caller.get("/account").status_code == 200
    website.close_app(app)
    assert caller.get("/account").status_code == 503


def test_a_statement_whose_backend_is_ended_is_unavailable_and_the_next_one_is_not(website: Website, wait_for) -> None:
    store = Store(website.system.environment["DATABASE_URL"], 1)
    raised: list[BaseException] = []

    def sleep() -> None:
        try:
            store.row("SELECT pg_sleep(4) AS endless")
        except Unavailable as error:
            raised.append(error)

    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE '%AS endless' AND state = 'active'"
        " AND pid <> pg_backend_pid()"
    )
    with website.connect() as connection:
        connection.autocommit = True
        wait_for(lambda: connection.execute(ended).fetchone(), what="the statement")
    sleeper.join()
    assert raised
    assert store.row("SELECT 1")[0] == 1
    store.close()


def test_workers_survive_a_read_only_database(website: Website, alter, wait_for) -> None:
    caller = website.api(website.person())
    processes = dict(website.system.processes)
    alter("SET default_transaction_read_only = on")
    with website.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name NOT IN ('webapp', 'test')"
        )
    for worker in ("transactions-0", "triggers", "audit", "quotecache"):
        wait_for(lambda worker=worker: "ReadOnlySqlTransaction" in website.system.log(worker), 20, worker)
    given = caller.give("ADD", wait=0, amount="1.00")
    assert given.status_code == 202
    alter("RESET default_transaction_read_only")
    location = given.headers["Location"].removeprefix("/api/v1")
    wait_for(lambda: caller.get(location, wait=1_000).json["status"] == "done", what="the outcome")
    wait_for(website.is_at_work, what="every worker owns its share again")
    assert all(process.poll() is None for process in processes.values()), "no worker ended"


def test_a_silent_database_is_not_waited_for_and_is_tried_again(website: Website, monkeypatch, wait_for) -> None:
    """A hanging database, or a hanging proxy before it, answers nothing and closes no connection."""
    relay = Relay(website.system.environment["DATABASE_URL"])
    app = website.another(DATABASE_URL=relay.url)
    caller = website.api(website.person(), app)
    assert caller.get("/account").status_code == 200
    monkeypatch.setattr("webapp.store.SILENCE_SECONDS_MAX", 0.2)
    relay.mute = True
    with ThreadPoolExecutor(2) as threads:
        health = threads.submit(app.test_client().get, "/healthz")
        refused = threads.submit(caller.give, "ADD", amount="1.00").result()
        assert (health.result().status_code, health.result().json["database"]) == (503, False)
    assert (refused.status_code, refused.json["perhaps_taken"]) == (503, False)
    relay.mute = False
    # An attempt to connect that began in the silence ends with its own timeout of 2 s; the next one succeeds.
    wait_for(lambda: caller.get("/account").status_code == 200, 15, "the database is asked again")
    website.close_app(app)
    relay.close()
