"""The armed trigger orders in Postgres, read when a trigger worker takes symbols over. Reads only."""

from collections.abc import Iterator

import psycopg

from schema.events import TriggerChange
from schema.outcomes import Side

GROUP = "triggers"

ROWS_PER_FETCH = 10_000


def armed(connection: psycopg.Connection) -> Iterator[TriggerChange]:
    """Every armed trigger order, as the change that armed it; from a server-side cursor, in bounded memory."""
    with connection.transaction(), connection.cursor("armed") as cursor:
        cursor.itersize = ROWS_PER_FETCH
        cursor.execute(_ARMED)
        for user, symbol, side, *values in cursor:
            yield TriggerChange(user, symbol, Side(side), *values)


_ARMED = """
    SELECT user_id, symbol, side, version, trigger_cents, reserved_cents, reserved_shares, transaction_number
    FROM trigger_orders WHERE trigger_cents IS NOT NULL"""
