"""Check of a database that is about to be dropped because of its name: only one that this project has made may be.

Load tests and replays use databases beside a given one, named after it. Another program may have chosen such a name.
"""

from database import postgres
from database.libpq_urls import name_of
from database.postgres import only_row
from schema.errors import StoreError


def refuse_anothers(given_url: str, url: str) -> None:
    """Raises StoreError if the database of `url`, beside the given one, has tables of another program.

    A database that does not exist, or is empty, is nobody's.
    """
    with postgres.translated():
        with postgres.connect(given_url, "beside") as connection:
            if not connection.execute(_EXISTS, (name_of(url),)).fetchone():
                return
        with postgres.connect(url, "beside") as connection:
            [is_anothers] = only_row(connection.execute(_IS_ANOTHERS))
    if is_anothers:
        raise StoreError(
            f"the database {name_of(url)} would be replaced, but it has tables of another program: rename it, or name"
            " another database in DATABASE_URL"
        )


_EXISTS = "SELECT 1 FROM pg_database WHERE datname = %s"

_IS_ANOTHERS = """
    SELECT to_regclass('partitions') IS NULL AND count(*) > 0
    FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname !~ '^pg_' AND nspname <> 'information_schema'"""
