"""URLs of databases: whose server one names, and which of libpq's environment variables may complete it.

libpq takes whatever a URL does not say from PGHOSTADDR, PGSSLMODE, PGSERVICE and forty more variables. A shell has them
for some server of its own. Nothing here connects.
"""

import os
from collections.abc import MutableMapping
from urllib.parse import parse_qs, urlsplit

VARIABLES = "PG"
"""Beginning of the names of libpq's variables."""

OURS = ("fallback_application_name", "daytrade")
"""In the query of a URL: this project started the server itself and knows everything about it. libpq knows the word (it
names a connection that has no other name), so that every client takes such a URL."""

OUR_SESSIONS = ("PGCLIENTENCODING", "PGDATESTYLE", "PGGEQO", "PGTZ")
"""Variables that change what a session reads and writes. Our SQL is written for Postgres's defaults, on any server."""


def for_own_server(url: str) -> str:
    """The same URL, which now says that the server is ours."""
    assert "?" not in url, url
    return f"{url}?{'='.join(OURS)}"


def for_libpq(url: str) -> str:
    """The same URL without the driver that SQLAlchemy's form of it may name (`postgresql+psycopg://`)."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{mark}{rest}"


def is_own_server(url: str) -> bool:
    word, value = OURS
    return parse_qs(urlsplit(url).query).get(word) == [value]


def name_of(url: str) -> str:
    """The database's name."""
    return urlsplit(url).path.removeprefix("/")


def beside(url: str, suffix: str) -> str:
    """The URL of another database on the same server: the name has `suffix` behind it, all else is the same."""
    address, mark, query = url.partition("?")
    return f"{address}{suffix}{mark}{query}"


def drop_libpq_variables(url: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Leaves only those variables in the environment that connections to this server are to follow.

    For a server of ours these are none. A given one may need them: its certificates, its password, options.
    """
    own = is_own_server(url)
    for name in [name for name in environment if name.startswith(VARIABLES) and (own or name in OUR_SESSIONS)]:
        del environment[name]


def session_options(url: str, ours: str) -> str:
    """Command-line options for a session: those of the user, in the URL or in PGOPTIONS, then ours, which win."""
    given = parse_qs(urlsplit(url).query).get("options", [os.environ.get("PGOPTIONS", "")])[-1]
    return f"{given} {ours}".strip()
