"""The migrations make just the database that the tables describe."""

import contextlib

from alembic import command
from alembic.config import Config

from schema import database, migrate


def test_a_migrated_database_is_what_the_tables_say(database_url):
    with contextlib.ExitStack() as at_the_end:
        engine = database.engine(database_url)
        at_the_end.callback(engine.dispose)
        config = Config()
        config.set_main_option("script_location", str(migrate.MIGRATIONS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = at_the_end.enter_context(engine.connect())
        command.check(config)
