"""Alembic's entry: runs the revisions on the connection that `schema.migrate` hands over."""

from alembic import context

# The web's tables are in the same metadata, once they are imported: autogenerate would drop what it does not see.
from schema.web_tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
