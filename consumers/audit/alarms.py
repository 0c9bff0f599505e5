"""Alarms of the log of record: a sentence for each stopped source. Reads only; works with every other process down."""

from consumers.audit import stops
from database import postgres


def alarms(database_url: str) -> list[str]:
    """A sentence for each source that has stopped. Raises StoreError."""
    with postgres.translated(), postgres.connect(database_url, "alarms") as connection:
        return [f"ALARM: {stop}" for stop in stops.load(connection)]
