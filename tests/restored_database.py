"""Database for one test after another: copied once from a template, then restored for each test. Holds no test.

Restoring the rows that a test has changed takes a tenth of the CPU time of a new copy. Only after a test that changed
more than rows comes a new copy: schema, rights, and the planner's statistics are compared with those of a new copy.
"""

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from schema.grants import APPEND_ONLY
from tests import forging

PATIENCE_MS = 5_000
"""Longest wait for another session to end, or for its locks, before the database is copied anew."""

LARGE_BYTES = 256 * 1024
"""Size above which a table is truncated if it shall be empty: in a small one, deleting the rows is cheaper."""

_END_SESSIONS = """
    SELECT bool_and(pg_terminate_backend(pid, %s)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""

_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname"

_SEQUENCES = """
    SELECT format('%I.%I', schemaname, sequencename), coalesce(last_value, start_value), last_value IS NOT NULL
    FROM pg_sequences"""

_CHANGED_CATALOGS = {
    "pg_attribute": "attrelid >= 16384",
    "pg_attrdef": "true",
    "pg_constraint": "oid >= 16384",
    "pg_enum": "true",
    "pg_extension": "true",
    "pg_index": "indexrelid >= 16384",
    "pg_namespace": "nspname !~ '^pg_t'",
    "pg_policy": "true",
    "pg_proc": "oid >= 16384",
    "pg_rewrite": "oid >= 16384",
    "pg_type": "oid >= 16384",
}
"""Catalogs in which no row may have come, gone or changed, with a condition for the rows that are the schema's."""

_SCHEMA = " UNION ALL ".join(
    (
        *(
            f"SELECT '{catalog}', concat_ws(' ', count(*), sum(xmin::text::bigint)) FROM {catalog} WHERE {condition}"
            for catalog, condition in _CHANGED_CATALOGS.items()
        ),
        """SELECT 'pg_class', string_agg(concat_ws(' ', relname, relkind, relowner, relpersistence, relacl, reloptions,
                relreplident, relrowsecurity, CASE relkind WHEN 'r' THEN reltuples END), ', ' ORDER BY relname)
            FROM pg_class WHERE relnamespace = 'public'::regnamespace""",
        """SELECT 'pg_trigger', string_agg(concat_ws(' ', tgname, tgrelid, tgtype, tgfoid), ', ' ORDER BY oid)
            FROM pg_trigger""",  # whether they are on is left out: forging.py switches them off and on
        """SELECT 'pg_database', concat_ws(' ', datacl, datconnlimit, datdba, setconfig)
            FROM pg_database LEFT JOIN pg_db_role_setting ON setdatabase = pg_database.oid
            WHERE datname = current_database()""",
    )
)


class RestoredDatabase:
    """Copy of a template under this name, which `taken` restores. `administration`: URL of a database beside it."""

    def __init__(self, administration: str, template: str, name: str):
        self._administration, self._template, self._name = administration, template, name
        self._url = make_url(administration).set(database=name).render_as_string(hide_password=False)
        self._schema: list[tuple] | None = None
        self._rows: dict[str, bytes] = {}
        """All rows of the template by table, as COPY writes them."""
        self._versions: dict[str, tuple[int, int]] = {}
        self._sequences: list[tuple[str, int, bool]] = []
        """Sequences of the template: name, number, whether this number is taken."""

    def taken(self) -> str:
        """Returns the URL of the database, as the template is. No session of an earlier test is left in it."""
        if self._schema is None or not self._restored():
            self._copy()
        return self._url

    def drop(self) -> None:
        with psycopg.connect(self._administration, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')

    def _copy(self) -> None:
        self.drop()
        with psycopg.connect(self._administration, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{self._name}" TEMPLATE "{self._template}"')
        with psycopg.connect(self._url) as connection:
            self._schema = connection.execute(_SCHEMA).fetchall()
            self._sequences = connection.execute(_SEQUENCES).fetchall()
            if not self._rows:
                self._rows = {table: _copied(connection, table) for (table,) in connection.execute(_TABLES).fetchall()}
            self._versions = self._versions_now(connection)

    def _restored(self) -> bool:
        """Restores all rows. Returns False if the database must be copied anew."""
        try:
            with psycopg.connect(self._url) as connection:
                connection.execute(f"SET lock_timeout = {PATIENCE_MS}")
                ended = connection.execute(_END_SESSIONS, [PATIENCE_MS]).fetchone()[0]
                if ended is False or connection.execute(_SCHEMA).fetchall() != self._schema:
                    return False
                self._restore_rows(connection)
            return True
        except psycopg.Error:  # a test renamed it, for instance, or let nobody connect
            return False

    def _restore_rows(self, connection: psycopg.Connection) -> None:
        now = self._versions_now(connection)
        changed = [table for table in now if now[table] != self._versions[table]]
        if set(changed) & set(APPEND_ONLY):
            forging.allow(connection)
        for table in changed:
            name, rows = sql.Identifier(table), self._rows[table]
            large = connection.execute("SELECT pg_relation_size(%s::regclass)", [table]).fetchone()[0] > LARGE_BYTES
            statement = "TRUNCATE {}" if large and not rows else "DELETE FROM {}"
            connection.execute(sql.SQL(statement).format(name))
            if rows:
                with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
                    copy.write(rows)
        forging.forbid(connection)
        for sequence in set(self._sequences).difference(connection.execute(_SEQUENCES).fetchall()):
            connection.execute("SELECT setval(%s, %s, %s)", sequence)
        if changed:
            self._versions = self._versions_now(connection)

    def _versions_now(self, connection: psycopg.Connection) -> dict[str, tuple[int, int]]:
        """Returns a number of rows and a sum by table. If one row is replaced by a newer one, the sum rises."""
        each = sql.SQL(" UNION ALL ").join(
            sql.SQL("SELECT {}, count(*), sum(xmin::text::bigint)::bigint FROM {}").format(table, sql.Identifier(table))
            for table in self._rows
        )
        return {table: version for table, *version in connection.execute(each).fetchall()}


def _copied(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        return b"".join(copy)
