"""Cases for each invariant: the SQL that spoils a finished run, and part of the first bad row's name. Holds no test."""

from tests.integration.lateness import expiry
from verification.audit_chain import CHAIN

ADD = "(SELECT ctid FROM history WHERE command = 'ADD' ORDER BY user_id, seq LIMIT 1)"
MIDDLE = "(SELECT ctid FROM history WHERE user_id > '' AND seq = 7 ORDER BY user_id LIMIT 1)"
NOT_UNIQUE = "ALTER TABLE history DROP CONSTRAINT history_command_id_key"
ROW = "format('history row %s of user %L', seq, user_id)"
ACCOUNT = "(SELECT ctid FROM accounts WHERE opened ORDER BY user_id LIMIT 1)"
POSITION = "(SELECT ctid FROM positions ORDER BY user_id, symbol LIMIT 1)"


def done(command: str) -> str:
    """SQL that finds a done command in the middle of its user's history."""
    return f"(SELECT ctid FROM history WHERE command = '{command}' AND outcome = 'done' AND kind = 'command' LIMIT 1)"


def eve(*rows: tuple) -> str:
    """Makes SQL that inserts a history: command, kind, amount, price, changes of available and reserved cash."""
    values = ", ".join(
        f"('eve', {seq}, '{kind}', decode(lpad('{seq}', 32, '0'), 'hex'), {seq}, '{command}', 'ABC', {amount},"
        f" {price}, 'done', {cash}, {reserved}, 0, 0, 1, 1)"
        for seq, (command, kind, amount, price, cash, reserved) in enumerate(rows, 1)
    )
    return f"""INSERT INTO history (user_id, seq, kind, command_id, transaction_number, command, symbol, amount_cents,
        price_cents, outcome, cash_delta_cents, reserved_delta_cents, shares_delta, reserved_shares_delta,
        published_at_ms, at_ms) VALUES {values}
        RETURNING format('history row {len(rows)} of user %L', user_id)"""


SET = ("SET_BUY_AMOUNT", "command", 1000, "NULL", -1000, 1000)
ARM = ("SET_BUY_TRIGGER", "command", "NULL", 500, 0, 0)

# Each case: the invariant's sentence, statements that spoil it; the last one returns part of the bad row's name.
CASES = [
    (
        "each user's rows are 1, 2, 3, … without a gap",
        f"DELETE FROM history WHERE ctid = {MIDDLE} RETURNING format('history row 7 of user %L is missing', user_id)",
    ),
    (
        "each user's rows are 1, 2, 3, … without a gap",
        "ALTER TABLE history DROP CONSTRAINT history_pkey",
        f"""UPDATE history SET seq = 6 WHERE ctid = {MIDDLE}
            RETURNING format('history row 6 of user %L should not be there', user_id)""",
    ),
    (
        "rejected commands change nothing and have a reason",
        "ALTER TABLE history DROP CONSTRAINT history_rejected_has_reason",
        f"UPDATE history SET outcome = 'rejected', reason = NULL WHERE ctid = {done('QUOTE')} RETURNING {ROW}",
    ),
    (
        "rejected commands change nothing and have a reason",
        "ALTER TABLE history DROP CONSTRAINT history_rejected_changes_nothing",
        f"UPDATE history SET outcome = 'rejected', reason = 'balance_limit' WHERE ctid = {ADD} RETURNING {ROW}",
    ),
    (
        "each row changes what its command, amount and price say",
        f"UPDATE history SET amount_cents = amount_cents + 1 WHERE ctid = {ADD} RETURNING {ROW}",
    ),
    (
        "each row changes what its command, amount and price say",
        f"UPDATE history SET price_cents = price_cents * 3 WHERE ctid = {done('COMMIT_BUY')} RETURNING {ROW}",
    ),
    (
        "orders by shares are worth their shares at their price",
        "ALTER TABLE history DROP CONSTRAINT history_by_shares",
        f"UPDATE history SET shares = amount_cents / price_cents + 1 WHERE ctid = {done('BUY')} RETURNING {ROW}",
    ),
    (
        "commits and cancels that name an order that is not the newest are rejected, and record the newest",
        "ALTER TABLE history DROP CONSTRAINT history_named_order",
        f"UPDATE history SET order_seq = 1, newest_order_seq = 2 WHERE ctid = {done('COMMIT_BUY')} RETURNING {ROW}",
    ),
    (
        "commits and cancels that name an order that is not the newest are rejected, and record the newest",
        f"""UPDATE history SET reason = 'not_newest_order', order_seq = seq, newest_order_seq = 1
            WHERE ctid = (SELECT ctid FROM history WHERE reason = 'no_pending_buy' AND seq > 1 LIMIT 1)
            RETURNING {ROW}""",
    ),
    (
        "commits and cancels close the newest order, whole",
        f"""UPDATE history AS c SET order_seq = 1 WHERE ctid = {done("COMMIT_BUY")}
            RETURNING format('of user %L, closed by row %s', user_id, seq)""",
    ),
    (
        "no cash was ever negative",
        f"UPDATE history SET cash_delta_cents = -1e15 WHERE ctid = {ADD} RETURNING {ROW}",
    ),
    (
        "no reserved cash was ever negative",
        f"UPDATE history SET reserved_delta_cents = -1e15 WHERE ctid = {done('COMMIT_BUY')} RETURNING {ROW}",
    ),
    (
        "no shares were ever negative",
        f"UPDATE history SET shares_delta = -1e15 WHERE ctid = {done('COMMIT_BUY')} RETURNING {ROW}",
    ),
    (
        "no reserved shares were ever negative",
        f"UPDATE history SET reserved_shares_delta = -1e15 WHERE ctid = {done('COMMIT_BUY')} RETURNING {ROW}",
    ),
    (
        "each user's commands took effect in each publisher's order",
        NOT_UNIQUE,
        """UPDATE history AS h SET command_id = other.command_id FROM history AS other
           WHERE h.user_id = (SELECT user_id FROM history WHERE user_id > '' AND seq = 8 ORDER BY user_id LIMIT 1)
             AND other.user_id = h.user_id AND h.kind = 'command' AND other.kind = 'command'
             AND (h.seq, other.seq) IN ((3, 4), (4, 3)) RETURNING format('history row 4 of user %L', h.user_id)""",
    ),
    (
        "each command took effect once",
        f"""UPDATE history SET command_id = (SELECT command_id FROM history WHERE user_id > '' AND seq = 7
               ORDER BY user_id DESC LIMIT 1) WHERE ctid = {MIDDLE} RETURNING 'history row 7 of user'""",
    ),
    (
        "each confirmed command of a run has a history row",
        "UPDATE runs SET published = published + 1 RETURNING '2001 commands confirmed, 2000 in the history'",
    ),
    (
        "cash is the sum of its changes",
        f"""UPDATE accounts SET cash_cents = cash_cents + 1 WHERE ctid = {ACCOUNT}
            RETURNING format('account %L', user_id)""",
    ),
    (
        "reserved cash is the sum of its changes",
        f"""UPDATE accounts SET reserved_cents = reserved_cents + 1 WHERE ctid = {ACCOUNT}
            RETURNING format('account %L', user_id)""",
    ),
    (
        "each account knows its newest row",
        f"UPDATE accounts SET history_seq = history_seq + 1 WHERE ctid = {ACCOUNT} RETURNING user_id",
    ),
    (
        "shares are the sum of their changes",
        f"""UPDATE positions SET shares = shares + 1 WHERE ctid = {POSITION}
            RETURNING format('user %L in %s', user_id, symbol)""",
    ),
    (
        "reserved shares are the sum of their changes",
        f"""UPDATE positions SET reserved_shares = reserved_shares + 1 WHERE ctid = {POSITION}
            RETURNING format('user %L in %s', user_id, symbol)""",
    ),
    (
        "reserved cash is what live orders hold",
        """DELETE FROM pending_orders WHERE ctid = (SELECT ctid FROM pending_orders WHERE side = 'buy' LIMIT 1)
           RETURNING user_id""",
    ),
    (
        "reserved shares are what live orders hold",
        f"UPDATE positions SET reserved_shares = reserved_shares + 1 WHERE ctid = {POSITION} RETURNING user_id",
    ),
    (
        "each pending order is committed, cancelled, expired or pending: one of these",
        """DELETE FROM pending_orders WHERE ctid = (SELECT ctid FROM pending_orders ORDER BY user_id, seq LIMIT 1)
           RETURNING format('history row %s of user %L', seq, user_id)""",
    ),
    (
        "each pending order is committed, cancelled, expired or pending: one of these",
        f"DELETE FROM history WHERE ctid = {done('COMMIT_BUY')} RETURNING user_id",
    ),
    (
        "commits and cancels close the newest order, whole",
        f"""UPDATE history SET symbol = 'ZZZ' WHERE ctid = {done("COMMIT_BUY")}
            RETURNING format('closed by row %s', seq)""",
    ),
    (
        "commits and cancels act on orders younger than 60 s",
        f"UPDATE history SET at_ms = at_ms + 60000 WHERE ctid = {done('CANCEL_BUY')} RETURNING format('row %s', seq)",
    ),
    (
        "commits and cancels act on orders younger than 60 s",
        f"UPDATE history SET at_ms = at_ms - 3600000 WHERE ctid = {done('CANCEL_BUY')} RETURNING format('row %s', seq)",
    ),
    ("expiries give back what the order reserved, not before 60 s", expiry(late_ms=0, cents=1)),
    ("expiries give back what the order reserved, not before 60 s", expiry(late_ms=-62_000)),
    ("expiries give back what the order reserved, not before 60 s", expiry(late_ms=-1)),
    (
        "pending orders are what the history says",
        """UPDATE pending_orders SET price_cents = price_cents + 1 WHERE ctid = (
               SELECT ctid FROM pending_orders ORDER BY user_id, seq LIMIT 1)
           RETURNING format('history row %s of user %L', seq, user_id)""",
    ),
    ("each trigger order fired at most once per arming", eve(SET, ("SET_BUY_TRIGGER", "fill", 400, 400, 600, -1000))),
    (
        "each trigger order fired at most once per arming",
        eve(SET, ARM, *[("SET_BUY_TRIGGER", "fill", 400, 400, 600, -1000)] * 2),
    ),
    (
        "triggers fired only on a satisfying price",
        eve(SET, ARM, ("SET_BUY_TRIGGER", "fill", 501, 501, 499, -1000)),
    ),
    (
        "a trigger order that is gone reserves nothing",
        eve(SET, ("CANCEL_SET_BUY", "command", 999, "NULL", 999, -999)),
    ),
    (
        "trigger orders are what the history says",
        """UPDATE trigger_orders SET version = version + 1 WHERE ctid = (
               SELECT ctid FROM trigger_orders ORDER BY user_id LIMIT 1) RETURNING user_id""",
    ),
    ("trigger orders are what the history says", eve(SET, ARM)),
    (
        "each price was really answered by the quote server",
        f"UPDATE history SET price_cents = price_cents + 1 WHERE ctid = {done('QUOTE')} RETURNING {ROW}",
    ),
    (
        "each price was really answered by the quote server",
        f"UPDATE history SET quote_id = NULL WHERE ctid = {done('BUY')} RETURNING {ROW}",
    ),
    (
        "each price was less than 60 s old when used",
        f"UPDATE history SET at_ms = at_ms + 60000 WHERE ctid = {done('QUOTE')} RETURNING {ROW}",
    ),
    (
        "each price was less than 60 s old when used",
        f"UPDATE history SET at_ms = at_ms - 60000 WHERE ctid = {done('BUY')} RETURNING {ROW}",
    ),
    (
        "each paid quote is in the log once, exactly as answered, and no other",
        "UPDATE quote_fetches SET cryptokey = cryptokey || 'x' WHERE quote_id = 3 RETURNING 'quote 3'",
    ),
    (
        "each paid quote is in the log once, exactly as answered, and no other",
        "UPDATE quote_fetches SET price_cents = NULL WHERE quote_id = 3 RETURNING 'of source 64'",
    ),
    (
        "each quote request that failed is in the log once, as of when it was made",
        """INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms, failure)
           VALUES ('ABC', 'ann', 1, false, 1, 'timeout') RETURNING format('quote %s', quote_id)""",
    ),
    (
        "no quote was bought while one was usable",
        """INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms)
           SELECT symbol, 'ann', 1, false, asked_at_ms + 59999 FROM quote_fetches WHERE quote_id = 3
           RETURNING format('quote %s', quote_id)""",
    ),
    (
        "each source's entries are 1, 2, 3, … without a gap, each once",
        "DELETE FROM audit_events WHERE (source, number) = (4, 3) RETURNING 'source 4: audit entry 3 is missing'",
    ),
    (
        "each source's entries are 1, 2, 3, … without a gap, each once",
        "ALTER TABLE audit_events DROP CONSTRAINT audit_events_pkey",
        """UPDATE audit_events SET number = 4 WHERE (source, number) = (4, 3)
           RETURNING 'source 4: audit entry 3 is missing'""",
    ),
    (
        "no source of the log has stopped",
        "INSERT INTO audit_stops VALUES (3, 17, 5, 'odd', 1) RETURNING 'source 3 has stopped at entry 17: odd'",
    ),
    (
        "every announced entry is in the log, and no more",
        """UPDATE partitions SET audit_number = audit_number + 1 WHERE consumer_group = 'transactions' AND partition = 4
           RETURNING format('source 4: there are %s audit entries, of %s announced', audit_number - 1, audit_number)""",
    ),
    (
        "per user, added less removed in the log is the available cash",
        """UPDATE audit_events SET funds_cents = funds_cents + 1 WHERE ctid = (
               SELECT ctid FROM audit_events WHERE kind = 'accountTransaction' LIMIT 1) RETURNING user_id""",
    ),
    (
        "each command has one userCommand in the log: its time, name, symbol and amount",
        """DELETE FROM audit_events WHERE ctid = (SELECT ctid FROM audit_events WHERE kind = 'userCommand' LIMIT 1)
           RETURNING format('user %L, transaction %s', coalesce(user_id, ''), transaction_number)""",
    ),
    (
        "each command has one userCommand in the log: its time, name, symbol and amount",
        """UPDATE audit_events SET at_ms = at_ms + 1 WHERE ctid = (
               SELECT ctid FROM audit_events WHERE kind = 'userCommand' LIMIT 1)
           RETURNING format('transaction %s', transaction_number)""",
    ),
    (
        "each rejected command has one errorEvent in the log: its time and reason",
        """UPDATE audit_events SET kind = 'debugEvent' WHERE ctid = (
               SELECT ctid FROM audit_events WHERE kind = 'errorEvent' LIMIT 1)
           RETURNING format('transaction %s', transaction_number)""",
    ),
    (
        "each change of cash is in the log, to the cent",
        """UPDATE audit_events SET transaction_number = 10^9 WHERE ctid = (
               SELECT ctid FROM audit_events WHERE kind = 'accountTransaction' LIMIT 1) RETURNING user_id""",
    ),
    (CHAIN, "UPDATE audit_events SET message = 'x' WHERE (source, number) = (4, 3) RETURNING 'entry 3 of source 4'"),
]
