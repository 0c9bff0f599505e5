"""Brings a database to the newest schema and grants. Idempotent; concurrent callers wait for each other."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from database import engines, grants, postgres
from schema.errors import StoreError

MIGRATIONS = Path(__file__).resolve().parents[1] / "schema" / "migrations"
_LOCK = 468_001
"""Key of the advisory lock that one migrating process holds at a time; the number is arbitrary."""


def migrate(database_url: str) -> None:
    """Migrates to the newest revision and applies the grants, in one transaction.

    Raises StoreError, also if the database is not in UTF-8.
    """
    _require_utf8(database_url)
    engine = engines.engine(database_url)
    try:
        _upgrade(engine)
    except SQLAlchemyError as error:
        raise StoreError(f"cannot migrate: {postgres.described(error)}") from error
    finally:
        engine.dispose()


def _upgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = Config()
        # Alembic reads its settings as an INI file does, where % begins the name of another setting.
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        grants.apply(connection)


def _require_utf8(database_url: str) -> None:
    """Raises StoreError if the database is not in UTF-8.

    File names may hold any letters, and a name that Postgres refuses would stop the log of record.
    """
    with postgres.translated(), postgres.connect(database_url, "migrate") as connection:
        encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(
            f"the database's encoding is {encoding}, not UTF-8: create one with ENCODING 'UTF8' TEMPLATE template0"
        )
