"""libpq's environment variables: they apply to a server that the user names, and not to the project's own server."""

import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from sqlalchemy.engine import URL, make_url

from database.engines import engine
from database.libpq_urls import OWN_SERVER_MARK, for_own_server
from database.pool import Pool
from database.postgres import connect
from deploy.servers import database as deploy_database
from schema.errors import StoreAway
from tests.integration.tls_front import TlsFront, certificate
from webapp.store import Store

FOR_ANOTHER_SERVER = {
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "127.0.0.2",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGPASSWORD": "wrong",
    "PGPASSFILE": "/nowhere",
    "PGDATABASE": "none",
    "PGSERVICE": "nowhere",
    "PGSERVICEFILE": "/nowhere",
    "PGSYSCONFDIR": "/nowhere",
    "PGOPTIONS": "-c nonsense=1 -c default_transaction_read_only=on",
    "PGAPPNAME": "another",
    "PGCONNECT_TIMEOUT": "nonsense",
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere",
    "PGSSLCERT": "/nowhere",
    "PGSSLKEY": "/nowhere",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLMINPROTOCOLVERSION": "nonsense",
    "PGGSSENCMODE": "require",
    "PGKRBSRVNAME": "another",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "none",
    "PGTARGETSESSIONATTRS": "standby",
    "PGLOADBALANCEHOSTS": "nonsense",
    "PGCLIENTENCODING": "nonsense",
    "PGDATESTYLE": "nonsense",
    "PGTZ": "nonsense",
    "PGGEQO": "nonsense",
}
"""Variables that break or change a connection, even if its URL names host, port, user, password and database."""


QUESTION = """
    SELECT current_setting('DateStyle'), current_setting('geqo'), current_setting('default_transaction_read_only')
"""


def by_worker(url: str, question: str = QUESTION) -> tuple:
    with closing(connect(url, "test")) as connection:
        return connection.execute(question).fetchone()


def by_engine(url: str, question: str = QUESTION) -> tuple:
    made = engine(url)
    try:
        with made.connect() as connection:
            return tuple(connection.exec_driver_sql(question).one())
    finally:
        made.dispose()


def by_site(url: str, question: str = QUESTION) -> tuple:
    store = Store(url, 1)
    try:
        return tuple(store.row(question))
    finally:
        store.close()


def by_pool(url: str, question: str = QUESTION) -> tuple:
    with closing(Pool(url, "test", 1)) as pool, pool.lend() as connection:
        return connection.execute(question).fetchone()


def by_stack(url: str, question: str = QUESTION) -> tuple:
    with deploy_database.connect(url) as connection:
        return connection.execute(question).fetchone()


CLIENTS = (by_worker, by_engine, by_site, by_pool, by_stack)


@pytest.fixture(scope="module")
def bare() -> URL:
    """URL of the tests' server without the mark of this project's own servers. The tests write nothing to it."""
    url = make_url(os.environ["DATABASE_URL"]).difference_update_query([OWN_SERVER_MARK[0]])
    if url.query or not (url.host and url.username and url.password):
        pytest.skip("the tests' server was given in other ways than by its URL alone")
    return url


def text(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.mark.parametrize("ask", CLIENTS)
def test_the_projects_own_server_is_reached_from_any_shell(bare, ask, monkeypatch):
    url = for_own_server(text(bare))
    undisturbed = ask(url)
    for name, value in FOR_ANOTHER_SERVER.items():
        monkeypatch.setenv(name, value)
    assert ask(url) == undisturbed
    assert not os.environ.keys() & FOR_ANOTHER_SERVER.keys(), "children do not see them either"


@pytest.mark.parametrize(
    ("name", "value"), [("PGDATESTYLE", "German"), ("PGTZ", "Asia/Tokyo"), ("PGCLIENTENCODING", "LATIN1")]
)
def test_sessions_on_a_given_server_have_the_settings_that_statements_need(name, value, monkeypatch, bare):
    monkeypatch.setenv(name, value)
    with closing(connect(text(bare), "test")) as connection:
        [shown] = connection.execute(
            "SELECT concat_ws(' ', timestamptz '2026-11-27 12:00Z', current_setting('client_encoding'))"
        ).fetchone()
    assert shown == "2026-11-27 12:00:00+00 UTF8"


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_given_server_is_reached_with_the_users_password(bare, ask, monkeypatch):
    monkeypatch.setenv("PGUSER", bare.username)
    monkeypatch.setenv("PGPASSWORD", bare.password)
    assert ask(text(bare.set(username=None, password=None)))


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_given_server_is_reached_with_the_users_password_file(bare, ask, monkeypatch, tmp_path):
    file = tmp_path / "pgpass"
    file.write_text(f"{bare.host}:{bare.port}:*:{bare.username}:{bare.password}\n")
    file.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(file))
    assert ask(text(URL.create("postgresql", bare.username, None, bare.host, bare.port, bare.database)))


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_given_server_is_reached_by_the_users_service(bare, ask, monkeypatch, tmp_path):
    file = tmp_path / "services"
    file.write_text(f"[ours]\nhost={bare.host}\nport={bare.port}\nuser={bare.username}\npassword={bare.password}\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.setenv("PGSERVICE", "ours")
    assert ask(f"postgresql:///{bare.database}")


@pytest.mark.parametrize("ask", [by_worker, by_site, by_pool])
@pytest.mark.parametrize("way", ["variable", "URL"])
def test_a_given_server_gets_the_users_options_and_the_projects(ask, way, bare, monkeypatch):
    options = "-c geqo=off -c statement_timeout=0 -c bytea_output=escape -c array_nulls=off"
    if way == "variable":
        monkeypatch.setenv("PGOPTIONS", options)
    else:
        bare = bare.update_query_dict({"options": options})
    formats = "cast('{NULL}' AS text[]), cast(cast('é' AS bytea) AS text)"
    shown = ask(text(bare), f"SELECT current_setting('geqo'), current_setting('statement_timeout'), {formats}")
    assert shown == ("off", "5s", [None], "\\xc3a9")


@pytest.fixture
def front(bare, tmp_path) -> Iterator[TlsFront]:
    front = TlsFront((bare.host, bare.port), certificate(tmp_path, "server"))
    yield front
    front.close()


@pytest.mark.parametrize("ask", CLIENTS)
def test_a_given_server_is_believed_by_the_users_certificate(bare, ask, front, monkeypatch, tmp_path):
    given = text(bare.set(port=front.port))
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(tmp_path / "server.crt"))
    assert ask(given)


def test_a_given_server_with_another_certificate_is_refused(bare, front, monkeypatch, tmp_path):
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(certificate(tmp_path, "another")))
    with pytest.raises(StoreAway, match="certificate verify failed"):
        connect(text(bare.set(port=front.port)), "test")


def test_a_server_without_tls_is_refused_where_the_user_asks_for_it(bare, monkeypatch):
    monkeypatch.setenv("PGSSLMODE", "require")
    with pytest.raises(StoreAway, match="SSL"):
        connect(text(bare), "test")
    assert "SSL" in deploy_database.refusal(text(bare))
