"""Brings a database to the newest schema. Idempotent; concurrent callers queue up."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from database import engines, postgres
from schema.errors import StoreError

MIGRATIONS = Path(__file__).resolve().parents[1] / "schema" / "migrations"
_LOCK = 468_001
"""Advisory lock that only one migrating process holds; any number does."""


def migrate(database_url: str) -> None:
    """Up to the newest revision, in one transaction. Raises StoreError, also where the database is not in UTF-8."""
    _require_utf8(database_url)
    engine = engines.engine(database_url)
    try:
        _upgrade(engine)
    except SQLAlchemyError as error:
        raise StoreError(f"cannot migrate: {error}") from error
    finally:
        engine.dispose()


def _upgrade(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        config = Config()
        # Alembic's settings are those of an INI file, where % begins the name of another setting.
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _require_utf8(database_url: str) -> None:
    """File names hold any letters, and one that Postgres refuses would stop the log of record. Raises StoreError."""
    with postgres.translated(), postgres.connect(database_url, "migrate") as connection:
        encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreError(f"the database is encoded in {encoding}: make one with ENCODING 'UTF8' TEMPLATE template0")
