"""URLs of databases: whether this project started the server, and which libpq environment variables may complete them.

libpq takes whatever a URL leaves out from PGHOSTADDR, PGSSLMODE, PGSERVICE and forty more variables. In a shell these
may be set for another server. Nothing here connects.
"""

import os
from collections.abc import MutableMapping
from urllib.parse import parse_qs, quote, unquote, urlsplit

from schema.errors import SettingsError

VARIABLES = "PG"
"""Prefix of the names of libpq's variables."""

OWN_SERVER_MARK = ("fallback_application_name", "daytrade")
"""Query parameter that marks the URL of a server that this project started. Such a URL says all that clients need.

libpq knows the parameter (it names a connection that has no other name), so every client accepts such a URL.
"""

NAME_BYTES_MAX = 63
"""Maximum bytes of a database's name. Postgres cuts a longer one, which may then be the name of another database."""

SESSION_VARIABLES = ("PGCLIENTENCODING", "PGDATESTYLE", "PGGEQO", "PGTZ")
"""Variables that change what a session reads and writes. This project's SQL needs Postgres's defaults on any server."""


def for_own_server(url: str) -> str:
    """The same URL with the parameter that says that this project started the server."""
    assert "?" not in url, url
    return f"{url}?{'='.join(OWN_SERVER_MARK)}"


def for_libpq(url: str) -> str:
    """The same URL without the driver that SQLAlchemy's form of it may name (`postgresql+psycopg://`)."""
    scheme, mark, rest = url.partition("://")
    return f"{scheme.partition('+')[0]}{mark}{rest}"


def is_own_server(url: str) -> bool:
    word, value = OWN_SERVER_MARK
    return parse_qs(urlsplit(url).query).get(word) == [value]


def name_of(url: str) -> str:
    """The database's name, decoded. As in libpq, a parameter `dbname` comes before the path."""
    parts = urlsplit(url)
    given = [part.removeprefix(_DBNAME) for part in parts.query.split("&") if part.startswith(_DBNAME)]
    return unquote((given or [parts.path.removeprefix("/")])[-1])


def beside(url: str, suffix: str) -> str:
    """The URL of another database on the same server, whose name has `suffix` appended.

    Raises SettingsError if Postgres would cut that name.
    """
    name = name_of(url) + suffix
    if len(name.encode(errors="replace")) > NAME_BYTES_MAX:
        raise SettingsError(
            f"DATABASE_URL names a database with a too long name: {name} would be needed beside it, and Postgres cuts"
            f" names after {NAME_BYTES_MAX} bytes. Rename the database"
        )
    address, mark, query = url.partition("?")
    scheme, _, rest = address.partition("://")
    kept = "&".join(part for part in query.split("&") if not part.startswith(_DBNAME))
    return f"{scheme}://{rest.partition('/')[0]}/{quote(name, safe='')}{mark if kept else ''}{kept}"


def drop_libpq_variables(url: str, environment: MutableMapping[str, str] = os.environ) -> None:
    """Removes from the environment the libpq variables that connections to this server must not follow.

    For a server that this project started, it removes all. Any other server may need some: certificates, a password,
    options.
    """
    own = is_own_server(url)
    for name in [name for name in environment if name.startswith(VARIABLES) and (own or name in SESSION_VARIABLES)]:
        del environment[name]


def session_options(url: str, own: str) -> str:
    """Command-line options for a session: those in the URL or in PGOPTIONS, then `own`, which override them."""
    given = parse_qs(urlsplit(url).query).get("options", [os.environ.get("PGOPTIONS", "")])[-1]
    return f"{given} {own}".strip()


_DBNAME = "dbname="
