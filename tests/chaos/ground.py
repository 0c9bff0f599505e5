"""The ground of a round: an empty, migrated database, and an empty topology."""

from collections.abc import Iterable

import psycopg
from sqlalchemy.engine import make_url

from database.migrate import migrate
from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from tests.chaos.eye import APPLICATION

SECOND_LINES = {
    "fence": ("history.history_pkey", "history.history_command_id_key", "pending_orders.pending_orders_pkey"),
    "lookup": ("history.history_command_id_key",),
    "numbering": (
        "audit_events.audit_events_pkey",
        "audit_chain.audit_chain_pkey",
        "audit_chain.audit_chain_numbers_rise",
    ),
}
"""Each defence has a constraint behind it, which would refuse what the defence lets through: a control drops both."""

REPLAYED = "_replay"
"""What the replay appends to a database's name for its own."""


class Ground:
    """Databases beside the given one: a template, made once, and its copy, made for each round."""

    def __init__(self, amqp_url: str, database_url: str):
        self.amqp_url = amqp_url
        url = make_url(database_url).set(drivername="postgresql")
        self._administration = url.render_as_string(hide_password=False)
        self._template, self._name = f"{url.database}_chaos_template", f"{url.database}_chaos"
        self.database_url = url.set(database=self._name).render_as_string(hide_password=False)
        self._execute(f'DROP DATABASE IF EXISTS "{self._template}" WITH (FORCE)', f'CREATE DATABASE "{self._template}"')
        migrate(url.set(database=self._template).render_as_string(hide_password=False))

    def prepare(self, exposed: Iterable[str] = ()) -> None:
        """Empties both; without what stands behind these defences."""
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
        """Leaves no database behind."""
        names = (f"{self._name}{REPLAYED}", self._name, self._template)
        self._execute(*(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)' for name in names))

    def _execute(self, *statements: str) -> None:
        with psycopg.connect(self._administration, autocommit=True, application_name=APPLICATION) as connection:
            for statement in statements:
                connection.execute(statement)
