"""Permission to forge: lets a test change rows that a trigger protects, as only the owner of the tables can."""

import psycopg

from schema.grants import APPEND_ONLY


def allow(connection: psycopg.Connection) -> None:
    """Switches off the triggers that protect history and log."""
    for table in APPEND_ONLY:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
