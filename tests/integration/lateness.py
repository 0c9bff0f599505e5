"""Cases of orders that expire late, and of partitions without an owner meanwhile: SQL that spoils a finished run."""

from schema.commands import PARTITIONS
from verification.order_passes import LATE


def expiry(late_ms: int, cents: int = 0, order: str = "seq") -> str:
    """Makes SQL for a pending buy that expires this late and gives back this many cents more than it reserved.

    `order`: number of its order's row, as SQL.
    """
    return f"""
        INSERT INTO history (user_id, seq, kind, command_id, transaction_number, command, symbol, amount_cents,
            price_cents, outcome, cash_delta_cents, reserved_delta_cents, shares_delta, reserved_shares_delta,
            published_at_ms, at_ms)
        SELECT user_id, (SELECT history_seq + 1 FROM accounts AS a WHERE a.user_id = p.user_id), 'expiry',
            convert_to('expiry: ', 'UTF8') || int8send({order}), transaction_number, 'BUY', symbol,
            shares * price_cents, price_cents, 'done', shares * price_cents + {cents},
            -shares * price_cents - {cents}, 0, 0, expires_at_ms, expires_at_ms + {late_ms}
        FROM pending_orders AS p WHERE side = 'buy' ORDER BY user_id, seq LIMIT 1
        RETURNING format('of user %L, expired by row %s', user_id, seq)"""


ALONE = """
    DELETE FROM pending_orders WHERE (user_id, seq) NOT IN (
        SELECT user_id, seq FROM pending_orders WHERE side = 'buy' ORDER BY user_id, seq LIMIT 1)"""
"""Leaves the order of `expiry` as the only one."""

NEVER_OWNED = "TRUNCATE ownership_spans"


def owned(from_ms: int, until_ms: int) -> str:
    """Makes SQL that records an owner of all partitions in a span counted from when the order of `expiry` expires."""
    return f"""
        INSERT INTO ownership_spans
        SELECT 'transactions', partition, 1, 'somebody', to_timestamp((expires_at_ms + {from_ms}) / 1000.0),
            to_timestamp((expires_at_ms + {until_ms}) / 1000.0)
        FROM (SELECT expires_at_ms FROM pending_orders WHERE side = 'buy' ORDER BY user_id, seq LIMIT 1) AS soonest,
            generate_series(0, {PARTITIONS - 1}) AS partition"""


ALWAYS_OWNED = f"""
    INSERT INTO ownership_spans
    SELECT 'transactions', partition, 1, 'somebody', to_timestamp(0), to_timestamp(1e10)
    FROM generate_series(0, {PARTITIONS - 1}) AS partition"""

CASES = [
    (LATE, ALWAYS_OWNED, expiry(late_ms=5_001)),
    (LATE, expiry(late_ms=0, order="-1").rpartition("RETURNING")[0] + "RETURNING 'history row -1 of user'"),
    (
        "each ownership of a partition is on record",
        """UPDATE partitions SET epoch = epoch + 1 WHERE (consumer_group, partition) = ('transactions', 4)
           RETURNING format('partition 4 of transactions: %s ownerships are on record', epoch - 1)""",
    ),
    (
        "each ownership of a partition is on record",
        """DELETE FROM ownership_spans WHERE (consumer_group, partition) = ('transactions', 4)
               AND epoch = (SELECT epoch FROM partitions WHERE (consumer_group, partition) = ('transactions', 4))""",
        "SELECT 'partition 4 of transactions: '",
    ),
]
