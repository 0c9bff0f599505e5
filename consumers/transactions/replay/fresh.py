"""Database that replay writes to: made anew beside the live one, and owned by replay alone.

Replay owns every partition of it and writes through the live worker's store: the same statements, the same
constraints. The database stays afterwards, for inspection.
"""

import psycopg
from psycopg import sql

from consumers.transactions import store
from consumers.transactions.batch import Batch
from consumers.transactions.replay.recorded import LogProgress
from database import postgres
from database.beside import refuse_anothers
from database.libpq_urls import beside, name_of
from database.migrate import migrate
from ownership import partitions
from schema.commands import PARTITIONS
from schema.errors import StoreError

SUFFIX = "_replay"
OWNER = "replay"


def fresh_url(database_url: str) -> str:
    """URL of the replay database that belongs to this live database."""
    return beside(database_url, SUFFIX)


def fresh_name(database_url: str) -> str:
    """Name of the replay database that belongs to this live database."""
    return name_of(fresh_url(database_url))


def recreate(database_url: str) -> None:
    """Drops the database of the last replay and makes it anew, with the current schema. Raises StoreError."""
    name = fresh_name(database_url)
    refuse_anothers(database_url, fresh_url(database_url))
    try:
        with postgres.connect(database_url, OWNER) as connection:
            # CREATE DATABASE cannot run in a transaction, and takes longer than a batch's statement may.
            connection.autocommit = True
            connection.execute("SET statement_timeout = 0")
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        raise StoreError(f"cannot make the database {name}: {error}") from error
    migrate(fresh_url(database_url))


class Fresh:
    """Connection to the fresh database; it owns all partitions."""

    def __init__(self, database_url: str):
        self.connection = postgres.connect(fresh_url(database_url), OWNER)
        gained = partitions.tick(self.connection, store.GROUP, OWNER, {}).gained
        assert len(gained) == PARTITIONS, gained
        self._ownerships = {ownership.partition: ownership for ownership in gained}

    def write(self, partition: int, batch: Batch) -> None:
        """Writes one partition's batch: its rows and orders, and the accounts as they are now. Raises psycopg.Error."""
        store.commit(self.connection, batch, [self._ownerships[partition]], {})

    def finish(self, partition: int, progress: LogProgress) -> None:
        """Stores the progress in the partition's log, once all that was executed of it is written."""
        ownership = self._ownerships[partition]
        ownership.next_offset, ownership.high_offset, ownership.clock_ms = (
            progress.next_offset,
            progress.high_offset,
            progress.clock_ms,
        )
        store.commit(self.connection, Batch(), [ownership], {})

    def close(self) -> None:
        self.connection.close()
