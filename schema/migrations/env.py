"""Alembic's entry: runs the revisions on the connection that `database.migrate` hands over."""

from alembic import context

# Importing these modules adds their tables to `metadata`. Without them, Alembic's autogenerate would drop the tables.
import schema.dump_tables
import schema.log_tables
import schema.quote_tables
import schema.web_tables  # noqa: F401 - imported for the tables it adds
from schema.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
