"""Environment of a round: an empty, migrated database, and an empty topology."""

from collections.abc import Iterable

import psycopg
from sqlalchemy.engine import make_url

from database.migrate import migrate
from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from tests.chaos.database_view import APPLICATION

SECOND_LINES = {
    "fence": ("history.history_pkey", "history.history_command_id_key", "pending_orders.pending_orders_pkey"),
    "lookup": ("history.history_command_id_key",),
    "numbering": (
        "audit_events.audit_events_pkey",
        "audit_chain.audit_chain_pkey",
        "audit_chain.audit_chain_numbers_rise",
    ),
}
"""Constraints that also prevent what a defence prevents. A negative control takes away the defence and drops them."""

REPLAYED = "_replay"
"""Suffix that replay adds to a database's name for its own database."""


class RoundDatabases:
    """Databases beside the given one: a template that is made once, and a copy of it for each round."""

    def __init__(self, amqp_url: str, database_url: str):
        self.amqp_url = amqp_url
        url = make_url(database_url).set(drivername="postgresql")
        self._administration = url.render_as_string(hide_password=False)
        self._template, self._name = f"{url.database}_chaos_template", f"{url.database}_chaos"
        self.database_url = url.set(database=self._name).render_as_string(hide_password=False)
        self._execute(f'DROP DATABASE IF EXISTS "{self._template}" WITH (FORCE)', f'CREATE DATABASE "{self._template}"')
        migrate(url.set(database=self._template).render_as_string(hide_password=False))

    def prepare(self, exposed: Iterable[str] = ()) -> None:
        """Empties database and topology. `exposed`: defences whose constraints are dropped."""
        self._execute(
            f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)',
            f'CREATE DATABASE "{self._name}" TEMPLATE "{self._template}"',
        )
        connection = open_connection(self.amqp_url, APPLICATION)
        declare(connection, fresh=True)
        connection.close()
        with psycopg.connect(self.database_url, autocommit=True, application_name=APPLICATION) as database:
            for name in {name for defence in exposed for name in SECOND_LINES.get(defence, ())}:
                table, _, constraint = name.partition(".")
                database.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")

    def clear(self) -> None:
        """Drops both databases."""
        names = (f"{self._name}{REPLAYED}", self._name, self._template)
        self._execute(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names))

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self._administration, autocommit=True, application_name=APPLICATION) as connection:
            for statement in statements:
                connection.execute(statement)
