"""Roles of processes in Postgres: each may do what `schema/grants.py` lists, and nothing else."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, RaiseException

from database import engines, grants, migrate, roles
from database.libpq_urls import is_own_server
from ownership import partitions
from schema.grants import APPEND_ONLY, GRANTS, DatabaseRole

GROUP = "transactions"
LEASE_MS = 200

TABLES = sorted(GRANTS.keys() - {"quote_lookups", "transaction_numbers"})

FORBIDDEN_TO_ALL = (
    "CREATE DATABASE more",
    "CREATE ROLE more",
    "CREATE TABLE more ()",
    "CREATE TEMPORARY TABLE more ()",
    "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE EXTENSION dblink",
    "DROP TABLE history",
    "ALTER TABLE history DISABLE TRIGGER append_only",
    "ALTER TABLE history OWNER TO CURRENT_USER",
    "SET session_replication_role = replica",
    "SET ROLE daytrade",
    "SET ROLE pg_signal_backend",
    "GRANT daytrade TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEDB",
    "ALTER ROLE daytrade PASSWORD 'known'",
    "SELECT * FROM pg_authid",
    "SELECT pg_read_file('postgresql.conf')",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "ALTER SYSTEM SET fsync = off",
    "CHECKPOINT",
)


@pytest.fixture(scope="module")
def url(_template) -> Iterator[str]:
    """A migrated database that is closed to all roles but those of processes."""
    administration, template = _template
    if not is_own_server(administration):
        pytest.skip("a given server has no roles of processes")
    name = f"{template}_roles"
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    url = urlsplit(administration)._replace(path=f"/{name}").geturl()
    migrate.migrate(url)  # a copy has the tables' grants, but not those of the database
    yield url
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=list(DatabaseRole))
def role(request, url: str) -> Iterator[tuple[DatabaseRole, psycopg.Connection]]:
    with psycopg.connect(roles.url_for(request.param, url), autocommit=True) as connection:
        yield request.param, connection


def columns(connection: psycopg.Connection, table: str) -> list[str]:
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", (table,)
    )
    return [name for (name,) in found]


def attempts(connection: psycopg.Connection, role: DatabaseRole, table: str) -> Iterator[tuple[str, bool]]:
    """Yields statements on a table, each with whether the list allows it. None changes anything."""
    listed = GRANTS[table].get(role, ())
    for column in columns(connection, table):
        yield f"SELECT {column} FROM {table} LIMIT 0", bool({"SELECT", f"SELECT({column})"} & set(listed))
        yield f"UPDATE {table} SET {column} = DEFAULT WHERE false", bool({"UPDATE", f"UPDATE({column})"} & set(listed))
    yield f"INSERT INTO {table} SELECT (NULL::{table}).* WHERE false", "INSERT" in listed
    yield f"DELETE FROM {table}", "DELETE" in listed
    yield f"TRUNCATE {table}", False


def is_refused(connection: psycopg.Connection, statement: str) -> bool:
    """Whether the role lacks a privilege for a statement. If not, it has no effect all the same."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement)
    except InsufficientPrivilege:
        return True
    except RaiseException as error:
        assert "never changed or removed" in str(error)
    return False


def test_each_role_may_do_to_each_table_what_is_listed_and_nothing_else(role) -> None:
    who, connection = role
    wrong = [
        statement
        for table in TABLES
        for statement, allowed in attempts(connection, who, table)
        if is_refused(connection, statement) == allowed
    ]
    assert not wrong


def test_the_grants_in_the_database_are_exactly_the_listed_ones(url: str) -> None:
    engine = engines.engine(url)
    with engine.begin() as connection:
        assert grants.held(connection) == grants.listed()
        connection.exec_driver_sql("GRANT ALL ON history TO daytrade_site")
        connection.exec_driver_sql("REVOKE SELECT (role) ON people FROM daytrade_live")
        connection.exec_driver_sql("GRANT UPDATE (role) ON people TO daytrade_site")
        assert grants.held(connection) != grants.listed()
        grants.apply(connection)
        assert grants.held(connection) == grants.listed()
    engine.dispose()


@pytest.mark.parametrize("statement", FORBIDDEN_TO_ALL)
def test_no_role_gets_beyond_its_tables(url: str, statement: str) -> None:
    for role in DatabaseRole:
        address = roles.url_for(role, url)
        with psycopg.connect(address, autocommit=True) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(statement)


def test_no_role_may_connect_to_a_database_without_its_tables(url: str) -> None:
    for role in DatabaseRole:
        for name in ("postgres", "template1"):
            elsewhere = urlsplit(roles.url_for(role, url))._replace(path=f"/{name}").geturl()
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(elsewhere)


def test_no_role_ends_a_session_of_another_one(url: str) -> None:
    for role in DatabaseRole:
        other = DatabaseRole.SITE if role != DatabaseRole.SITE else DatabaseRole.AUDIT
        with (
            psycopg.connect(roles.url_for(role, url), autocommit=True) as connection,
            psycopg.connect(roles.url_for(other, url)) as victim,
            psycopg.connect(url) as owner,
        ):
            for session in (victim, owner):
                ends = f"SELECT pg_terminate_backend({session.info.backend_pid})"
                assert is_refused(connection, ends), role
                session.execute("SELECT 1")


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_even_the_owner_only_adds_rows_to_history_and_log(url: str, table: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        column = columns(connection, table)[0]
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with pytest.raises(RaiseException, match=f"of {table}: its rows are never changed or removed"):
                connection.execute(statement)


def test_a_takeover_ends_the_hanging_session_of_its_own_role_and_no_other(url: str, wait_for) -> None:
    of_workers = roles.url_for(DatabaseRole.TRANSACTIONS, url)
    with (
        psycopg.connect(of_workers, application_name="late") as late,
        psycopg.connect(roles.url_for(DatabaseRole.SITE, url), application_name="late") as namesake,
        psycopg.connect(of_workers, autocommit=True, application_name="next") as successor,
    ):
        assert partitions.tick(late, GROUP, "late", {}, LEASE_MS).gained
        late.commit()
        late.execute("SELECT FROM partitions WHERE consumer_group = %s FOR UPDATE", (GROUP,))  # and hangs
        wait_for(lambda: partitions.tick(successor, GROUP, "next", {}, LEASE_MS).gained, 10, "the takeover")
        namesake.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError):
            late.execute("SELECT 1")


@pytest.mark.parametrize("group", ["transactions", "triggers", "audit", "quotecache"])
def test_workers_change_the_ownership_of_their_own_groups_logs_only(url: str, group: str) -> None:
    others = "consumer_group <> %s"
    with psycopg.connect(roles.url_for(DatabaseRole(group), url), autocommit=True) as worker:
        with worker.transaction(force_rollback=True):
            assert worker.execute("SELECT FROM partitions WHERE " + others, (group,)).rowcount > 0
            assert worker.execute("UPDATE partitions SET next_offset = 0 RETURNING consumer_group").rowcount > 0
            assert worker.execute("UPDATE partitions SET next_offset = 0 WHERE " + others, (group,)).rowcount == 0
            worker.execute("INSERT INTO replicas VALUES (%s, 'me', now())", (group,))
            assert {one for (one,) in worker.execute("DELETE FROM replicas RETURNING consumer_group")} == {group}
        other = "audit" if group != "audit" else "triggers"
        for table, values in (("replicas", "'me', now()"), ("ownership_spans", "1, 1, 'me', now(), now()")):
            with pytest.raises(InsufficientPrivilege, match="row-level security"):
                worker.execute(f"INSERT INTO {table} VALUES ('{other}', {values})")
