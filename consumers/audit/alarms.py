"""`python -m consumers.audit.alarms`: says which sources of the log of record have stopped; nothing where all is well.

Reads only; works with every other process down.
"""

import os

from consumers.audit import stops
from database import postgres
from runtime import entry_point
from schema.errors import SettingsError


def alarms(database_url: str) -> list[str]:
    """A sentence for each source that has stopped. Raises StoreError."""
    with postgres.translated(), postgres.connect(database_url, "alarms") as connection:
        return [f"ALARM: {stop}" for stop in stops.load(connection)]


def main() -> None:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SettingsError("DATABASE_URL is not set: run `export $(make env)`")
    for line in alarms(url):
        print(line)


if __name__ == "__main__":
    entry_point.run("alarms", main)
