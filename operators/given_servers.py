"""Servers that a verb works on: reads their addresses and opens a connection to each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from database import postgres
from ownership import partitions
from rabbitmq.connection import Connection, open_connection
from schema import environment
from schema.errors import SettingsError, StoreError


def setting(name: str) -> str:
    """Returns a server's address. Raises SettingsError, which says what it is for and how to get it."""
    return environment.required(os.environ, name)


@contextmanager
def database(purpose: str) -> Iterator[psycopg.Connection]:
    """Connects to DATABASE_URL; Postgres lists the connection as `purpose`. Raises SettingsError, StoreError.

    Also raises SettingsError if the block passes a text to Postgres that is not UTF-8: no text in the database can
    equal it.
    """
    try:
        with postgres.translated(), postgres.connect(setting("DATABASE_URL"), purpose) as connection:
            yield connection
    except UnicodeEncodeError as error:
        raise SettingsError(f"{error.object!r} is not UTF-8, so nothing in the database has that name") from error


def require_a_run(connection: psycopg.Connection) -> None:
    """Raises StoreError if nothing has run on the database. A verb that found nothing calls this before it says so.

    Otherwise a wrong DATABASE_URL would read like a run in which all went well.
    """
    if not partitions.anyone_worked(connection):
        raise StoreError(
            f"nothing has run on the database {connection.info.dbname}: "
            "check DATABASE_URL, or start the system there first"
        )


@contextmanager
def broker(purpose: str, patience_seconds: float | None = None) -> Iterator[Connection]:
    """Connects to AMQP_URL; RabbitMQ lists the connection as `purpose`. Raises SettingsError, BrokerError."""
    patience = {} if patience_seconds is None else {"patience_seconds": patience_seconds}
    connection = open_connection(setting("AMQP_URL"), purpose, **patience)
    try:
        yield connection
    finally:
        connection.close()
