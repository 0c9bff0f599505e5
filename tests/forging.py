"""Permission to forge: lets a test change rows that a trigger protects, as only the owner of the tables can."""

import psycopg

from schema.grants import APPEND_ONLY

_SWITCHED_OFF = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'append_only' AND tgenabled = 'D'"


def allow(connection: psycopg.Connection) -> None:
    """Switches off the triggers that protect history and log."""
    for table in APPEND_ONLY:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER append_only")


def forbid(connection: psycopg.Connection) -> None:
    """Switches those triggers on that are off."""
    for (table,) in connection.execute(_SWITCHED_OFF).fetchall():
        connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER append_only")
