"""Checks that pending orders were released in time, and not too early. Reads only."""

from tests.chaos.database_view import DatabaseView

LIFETIME_MS = 60_000
LATE_MS_MAX = 5_000
"""Limits of spec §3: an order is good for 60 s from its BUY or SELL, and released at most 5 s later."""

Span = tuple[int, int]
"""Beginning and end, ms since the epoch."""


def untimely_releases(database: DatabaseView, outages: list[Span]) -> list[str]:
    """Finds orders released too late or too early, counted from the time in the order's own history row.

    `outages`: spans in which nobody could have released orders.
    """
    found = []
    for user, seq, due_ms, at_ms in database.rows(_RELEASES):
        if due_ms is None:
            found.append(f"{user}: order {seq} was released, and no BUY or SELL of its transaction is there")
            continue
        excused = sum(max(0, min(at_ms, end) - max(due_ms, begin)) for begin, end in _merged(outages))
        if at_ms - due_ms - excused > LATE_MS_MAX:
            found.append(f"{user}: order {seq} was released {at_ms - due_ms} ms late, {excused} of them in an outage")
        elif at_ms < due_ms:
            found.append(f"{user}: order {seq} was released {due_ms - at_ms} ms early")
    return found


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


# An expiry's id ends with the number of its order's row. An order that is still pending counts as released now, if it
# is due.
_RELEASES = f"""
    WITH released AS (
        SELECT user_id, ('x' || encode(substr(command_id, 9), 'hex'))::bit(64)::bigint AS seq, transaction_number,
            at_ms, false AS pending
        FROM history WHERE kind = 'expiry'
        UNION ALL SELECT user_id, seq, transaction_number, (SELECT max(at_ms) FROM history), true FROM pending_orders)
    SELECT r.user_id, r.seq, o.at_ms + {LIFETIME_MS},
        CASE WHEN pending THEN greatest(r.at_ms, o.at_ms + {LIFETIME_MS}) ELSE r.at_ms END
    FROM released r LEFT JOIN history o ON o.user_id = r.user_id AND o.seq = r.seq
        AND o.transaction_number = r.transaction_number AND o.kind = 'command' AND o.command IN ('BUY', 'SELL')
    ORDER BY 1, 2"""
