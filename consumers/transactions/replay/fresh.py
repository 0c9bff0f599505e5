"""The database that replay writes to: made anew beside the live one, and owned by replay alone.

Rows go in through the store of the live worker, with replay as the owner of every partition: the same statements, the
same constraints. It stays afterwards, to be looked at.
"""

import psycopg
from psycopg import sql

from consumers.transactions import store
from consumers.transactions.batch import Batch
from consumers.transactions.replay.recorded import Place
from database import postgres
from database.libpq_urls import beside, name_of
from database.migrate import migrate
from ownership import partitions
from schema.commands import PARTITIONS
from schema.errors import StoreError

SUFFIX = "_replay"
OWNER = "replay"


def fresh_url(database_url: str) -> str:
    """Of the database beside this one."""
    return beside(database_url, SUFFIX)


def fresh_name(database_url: str) -> str:
    """Its name."""
    return name_of(fresh_url(database_url))


def recreate(database_url: str) -> None:
    """Drops what is there from the last replay, makes it anew, with today's schema. Raises StoreError."""
    name = fresh_name(database_url)
    try:
        with postgres.connect(database_url, OWNER) as connection:
            # Making a database cannot be part of a transaction, and takes longer than a batch may.
            connection.autocommit = True
            connection.execute("SET statement_timeout = 0")
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise StoreError(f"cannot make the database {name}: {error}") from error
    migrate(fresh_url(database_url))


class Fresh:
    """A connection to the fresh database, with all partitions taken."""

    def __init__(self, database_url: str):
        self.connection = postgres.connect(fresh_url(database_url), OWNER)
        gained = partitions.tick(self.connection, store.GROUP, OWNER, {}).gained
        assert len(gained) == PARTITIONS, gained
        self._ownerships = {ownership.partition: ownership for ownership in gained}

    def write(self, partition: int, batch: Batch) -> None:
        """The rows and orders of a batch of one partition, and the accounts as they are now. Raises psycopg.Error."""
        store.commit(self.connection, batch, [self._ownerships[partition]], {})

    def finish(self, partition: int, place: Place) -> None:
        """All that was executed of this partition's log is written."""
        ownership = self._ownerships[partition]
        ownership.position, ownership.high, ownership.clock_ms = place.position, place.high, place.clock_ms
        store.commit(self.connection, Batch(), [ownership], {})

    def close(self) -> None:
        self.connection.close()
