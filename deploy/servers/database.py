"""Makes and drops databases, and checks whether Postgres answers. schema/ defines what is inside a database."""

import psycopg
from psycopg import sql

from database import libpq_urls, roles
from database.libpq_urls import name_of
from database.postgres import only_row
from deploy.stack.failure import StackError
from schema.grants import DatabaseRole

# The owner may watch everything, start a checkpoint before a measurement, and end sessions in a database that it drops
# (otherwise a running autovacuum makes DROP DATABASE fail). It may not become superuser. Migrations, replay, tests and
# benchmarks use it; the roles of processes may do nothing but what `schema/grants.py` lists.
OWNER_MEMBER_OF = ("pg_monitor", "pg_checkpoint", "pg_signal_backend")

SERVERS_OWN_DATABASES = ("postgres", "template1")
"""Databases that every server has. No process may connect to them: temporary tables there could fill the disk."""


def answers(url: str) -> bool:
    return refusal(url) is None


def refusal(url: str) -> str | None:
    """Returns in one line why Postgres does not answer; None if it does."""
    try:
        with connect(url) as connection:
            connection.execute("select 1")
        return None
    except psycopg.Error as error:
        return " ".join(str(error).split()) or type(error).__name__  # with several hosts, each has a line of its own


def ensure_roles(superuser: str, owner_password: str) -> None:
    """Creates the owner of the databases and the roles of processes, or gives them their passwords and rights anew."""
    with connect(superuser) as connection:
        _ensure_role(connection, roles.OWNER, "login createdb", owner_password)
        for group in OWNER_MEMBER_OF:
            connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(roles.OWNER)))
        for role in DatabaseRole:
            _ensure_role(connection, roles.name_of(role), "login", roles.password_of(role, owner_password))
        for name in map(sql.Identifier, SERVERS_OWN_DATABASES):
            connection.execute(sql.SQL("revoke all on database {} from public").format(name))
            owner = sql.Identifier(roles.OWNER)
            connection.execute(sql.SQL("grant connect on database {} to {}").format(name, owner))


def _ensure_role(connection: psycopg.Connection, name: str, rights: str, password: str) -> None:
    role = sql.Identifier(name)
    if not connection.execute("select 1 from pg_roles where rolname = %s", [name]).fetchone():
        connection.execute(sql.SQL(f"create role {{}} {rights}").format(role))
    connection.execute(sql.SQL("alter role {} password {}").format(role, sql.Literal(password)))


def ensure_database(admin: str, url: str, owner: str | None = None) -> None:
    """Creates the database of `url` if it is missing. `admin`: a URL that may create databases on that server."""
    name = name_of(url)
    try:
        with connect(admin) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                _create(connection, name, owner)
    except psycopg.Error as error:
        raise StackError(f"cannot create the database {name}: {_first_line(error)}") from error


def recreate_database(admin: str, url: str, owner: str | None = None) -> None:
    """Drops and creates the database. Ends open connections, such as those of a worker left over from a killed run."""
    name = name_of(url)
    try:
        with connect(admin) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
            _create(connection, name, owner)
    except psycopg.Error as error:
        raise StackError(f"cannot recreate the database {name}: {_first_line(error)}") from error


def drop_database(admin: str, name: str) -> None:
    """Drops the database if it exists, and ends its open connections."""
    try:
        with connect(admin) as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise StackError(f"cannot drop the database {name}: {_first_line(error)}") from error


# This must work with every version of the schema: the database is not migrated yet, and before migration 0015 the
# column had another name.
_HAS_READ = """
    select coalesce(max(coalesce(to_jsonb(p) ->> 'high_offset', to_jsonb(p) ->> 'high')::bigint), -1) >= 0
    from partitions p"""


def has_read_streams(url: str) -> bool:
    """Whether workers on this database have ever read a command from a stream."""
    try:
        with connect(url) as connection:
            if connection.execute("select to_regclass('partitions')").fetchone() == (None,):
                return False
            return bool(only_row(connection.execute(_HAS_READ))[0])
    except psycopg.Error as error:
        raise StackError(f"cannot look into {name_of(url)}: {_first_line(error)}") from error


def _create(connection: psycopg.Connection, name: str, owner: str | None) -> None:
    statement = sql.SQL("create database {}").format(sql.Identifier(name))
    if owner:
        statement += sql.SQL(" owner {}").format(sql.Identifier(owner))
    connection.execute(statement)


def connect(url: str) -> psycopg.Connection:
    """Connects in autocommit mode: CREATE and DROP DATABASE cannot run inside a transaction."""
    libpq_urls.drop_libpq_variables(url)
    # libpq does not know SQLAlchemy's driver names (postgresql+psycopg://).
    scheme, separator, rest = url.partition("://")
    plain = scheme.split("+")[0] + separator + rest
    return psycopg.connect(plain, autocommit=True, connect_timeout=5)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
