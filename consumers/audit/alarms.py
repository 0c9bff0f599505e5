"""Sources of the log of record that have stopped, as sentences. Reads only; works with every other process down."""

from consumers.audit import stops
from database import postgres


def alarms(database_url: str) -> list[str]:
    """A sentence for each source that has stopped. Raises StoreError."""
    with postgres.translated(), postgres.connect(database_url, "alarms") as connection:
        return [f"ALARM: {stop}" for stop in stops.load(connection)]
