"""A site for a test: the application in this process, workers beside it, browsers that log in. Holds no test."""

import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree

from bench import processes
from database.postgres import connect
from tests.e2e.system import System
from webapp import close_app, create_app, passwords, people, tokens
from webapp.settings import WebSettings, from_environment
from webapp.site import EXTENSION
from webapp.store import Store

WORKERS = ("quote-server", "quotecache", "triggers", "audit", "transactions-0")
PASSWORD = "correct horse battery"
SECRET_KEY = "a secret of the tests, forty characters long"

_CSRF = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


class Website:
    """`system` runs the workers; `app` is the site; further sites may share the workers."""

    def __init__(self, amqp_url: str, database_url: str, folder: Path):
        self.system = System(amqp_url, database_url, folder, SECRET_KEY=SECRET_KEY, WEB_LIMITS="off")
        self.system.start(*WORKERS)
        self._apps: list[Flask] = []
        self._hash = passwords.hashed(PASSWORD)
        self._count = 0
        self.app = self.another()
        self.store: Store = self.app.extensions[EXTENSION].store
        self.owners_store = Store(database_url, 1)
        """Access as `make admin` has it: with the rights of the tables' owner."""

    def settings(self, **changed: str) -> WebSettings:
        return from_environment(processes.with_rights("web", self.system.environment | changed))

    def another(self, **changed: str) -> Flask:
        """Makes one more application, like a further site process, with these settings changed."""
        app = create_app(self.settings(**changed))
        self._apps.append(app)
        return app

    def close_app(self, app: Flask) -> None:
        """Closes an application of `another` early: if its broker is gone, it would go on trying to connect."""
        self._apps.remove(app)
        close_app(app)

    def is_at_work(self) -> bool:
        """Whether every partition of every kind of worker has an owner."""
        return not self.rows("SELECT FROM partitions WHERE owner IS NULL LIMIT 1")

    def close(self) -> None:
        with ThreadPoolExecutor(len(self._apps)) as pool:  # each waits a moment for its broker
            for closed in [pool.submit(close_app, app) for app in self._apps]:
                closed.result()
        self.owners_store.close()
        self.system.destroy()

    def person(self, role: str = people.USER, user: str | None = None) -> str:
        """Makes a new person with PASSWORD; returns their user id."""
        self._count += 1
        user = user or f"person{self._count}"
        assert people.make(self.store, user, self._hash, role)
        return user

    def api(self, user: str, app: Flask | None = None) -> "Caller":
        """Returns a client that calls the API as this user, with a new token."""
        person, _ = people.find(self.store, user)
        return self.caller(tokens.create(self.store, person, "test")[1], app)

    def caller(self, token: str, app: Flask | None = None) -> "Caller":
        """Returns a client that calls the API with this token."""
        return Caller(app or self.app, token)

    def browser(self, app: Flask | None = None) -> "Browser":
        return Browser(app or self.app)

    def history(self, user: str) -> list[Any]:
        """Returns the user's rows: kind, command, outcome, reason, cash delta."""
        return self.rows(
            "SELECT kind::text, command::text, outcome::text, reason::text, cash_delta_cents FROM history"
            " WHERE user_id = %s ORDER BY seq",
            user,
        )

    def rows(self, query: str, *values: object) -> list[Any]:
        with self.connect() as connection:
            return connection.execute(query, values).fetchall()

    def connect(self) -> psycopg.Connection:
        return connect(self.system.environment["DATABASE_URL"], "test")


class Caller:
    """Client of the API."""

    def __init__(self, app: Flask, token: str):
        self._client = app.test_client(use_cookies=False)
        self.authorization = f"Bearer {token}"
        self._headers = {"Authorization": self.authorization}

    def get(self, path: str, **query: object):
        return self._client.get(f"/api/v1{path}", query_string=query, headers=self._headers)

    def download(self, path: str) -> etree._Element:
        """Downloads an XML file."""
        with self.get(path) as response:
            return etree.fromstring(response.data)

    def put(self, path: str):
        return self._client.put(f"/api/v1{path}", headers=self._headers)

    def delete(self, path: str):
        return self._client.delete(f"/api/v1{path}", headers=self._headers)

    def post(self, path: str, body: object, **query: object):
        return self._client.post(f"/api/v1{path}", query_string=query, json=body, headers=self._headers)

    def give(self, command: str, wait: int = 8_000, key: str | None = None, **arguments: object):
        """Gives a command."""
        headers = self._headers | ({"Idempotency-Key": key} if key else {})
        body = {"command": command, **arguments}
        return self._client.post("/api/v1/commands", query_string={"wait": wait}, json=body, headers=headers)


class Browser:
    """Browser with cookies; it sends forms with the CSRF token of the page before."""

    def __init__(self, app: Flask):
        self.client: FlaskClient = app.test_client()
        self.cookie_name = app.config["SESSION_COOKIE_NAME"]

    def get(self, path: str):
        return self.client.get(path)

    def post(self, path: str, page: str = "/login", **fields: str):
        """Sends a form; its CSRF token is taken from `page`."""
        found = _CSRF.search(self.client.get(page, follow_redirects=True).text)
        return self.client.post(path, data={"csrf_token": found[1], **fields})

    def form(self, page: str) -> dict[str, str]:
        """Returns the tokens of a page's form. Sent twice, they make the second request a repetition of the first."""
        found = _CSRF.search(self.client.get(page).text)
        return {"csrf_token": found[1], "form_token": secrets.token_urlsafe()}

    def log_in(self, user: str, password: str = PASSWORD):
        return self.post("/login", user=user, password=password)

    def user(self) -> str | None:
        """Returns the user whom the site takes this browser for."""
        response = self.client.get("/api/v1/account")
        return response.json["user"] if response.status_code == 200 else None

    @property
    def cookie(self) -> str:
        return self.client.get_cookie(self.cookie_name).value

    @cookie.setter
    def cookie(self, value: str) -> None:
        self.client.set_cookie(self.cookie_name, value)
