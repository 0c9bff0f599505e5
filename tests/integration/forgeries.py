"""Cases for invariants that only the log of record, or only the history, can check. Holds no test.

As in violations.py, a case is an invariant's sentence, the SQL that spoils a finished run, and part of the first bad
row's name.
"""

from tests.integration.violations import ARM, SET, done, eve, expiry
from verification.audit_chain import CHAIN

COMMANDS = "each command has one userCommand in the log: its time, name, symbol and amount"
ERRORS = "each rejected command has one errorEvent in the log: its time and reason"
EVENTS = "each use of a cached quote and each change of shares or orders is in the log"
ORDER = "each user's commands took effect in the order in which the log has them"
OPEN = "an account is open from its first ADD on, not before"
ENDED = "each quote request has ended"
MARKERS = "each dump ends at its markers in the log, and no marker is missing"
WHOSE = "each dump has the user and the file name of its markers"
COMPLETE = "each dump is complete once its last marker is there, not before"
FILES = "each dump is written, or a later dump with its name is"

TRANSACTION = "format('user %L, transaction %s, history row %s', h.user_id, h.transaction_number, h.seq)"

OTHER_QUOTE = """
    UPDATE history AS h SET symbol = q.symbol, price_cents = q.price_cents, quote_id = q.quote_id
    FROM quote_fetches AS q WHERE h.ctid = (
        SELECT ctid FROM history WHERE command = 'QUOTE' AND outcome = 'done' ORDER BY user_id, seq LIMIT 1)
      AND q.quote_id = (SELECT min(quote_id) FROM quote_fetches AS other
                        WHERE other.symbol <> h.symbol AND price_cents IS NOT NULL)"""
"""Replaces a QUOTE's answer by another one that was really paid for."""

SOMEBODY = "(SELECT user_id FROM history WHERE user_id > '' AND seq = 8 ORDER BY user_id LIMIT 1)"

CONTENT = """kind transaction_number command symbol amount_cents price_cents outcome reason cash_delta_cents
    reserved_delta_cents shares_delta reserved_shares_delta quote_id published_at_ms at_ms waited_since_ms"""

EXCHANGED = ", ".join(f"{column} = other.{column}" for column in CONTENT.split())
"""Assignments that copy all of a row but its place and its command id."""

REQUEST = """
    INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms)
    VALUES ('ZZZ', 'ann', 1, false, extract(epoch FROM now()) * 1000 - {age_ms})
    RETURNING format('quote %s', quote_id)"""
"""Adds a paid request without an end."""

OWNED = """
    UPDATE partitions SET owner = 'somebody', lease_until = now() + interval '1 minute'
    WHERE consumer_group = 'quotecache'"""

OF_FOUR = "WHERE source = 4 RETURNING format('dump %s, source 4: audit entry', dump_id)"

CASES = [
    (
        COMMANDS,
        f"UPDATE history AS h SET command = 'DISPLAY_SUMMARY' WHERE ctid = {done('QUOTE')} RETURNING {TRANSACTION}",
    ),
    (COMMANDS, f"{OTHER_QUOTE} RETURNING {TRANSACTION}"),
    (
        COMMANDS,
        f"""UPDATE history AS h SET amount_cents = amount_cents + 1 WHERE ctid = (
            SELECT ctid FROM history WHERE command = 'BUY' AND outcome = 'rejected' LIMIT 1) RETURNING {TRANSACTION}""",
    ),
    (
        COMMANDS,
        f"""WITH ordered AS (
                UPDATE trigger_orders SET trigger_cents = trigger_cents + 2 ^ 32 WHERE ctid = (
                    SELECT t.ctid FROM trigger_orders AS t JOIN history USING (user_id, symbol)
                    WHERE side = 'buy' AND seq = version AND command = 'SET_BUY_TRIGGER' LIMIT 1)
                RETURNING user_id, version)
            UPDATE history AS h SET price_cents = price_cents + 2 ^ 32 FROM ordered
            WHERE (h.user_id, seq) = (ordered.user_id, version) RETURNING {TRANSACTION}""",
    ),
    (
        ERRORS,
        f"""UPDATE history AS h SET reason = 'balance_limit' WHERE ctid = (
            SELECT ctid FROM history WHERE outcome = 'rejected' LIMIT 1) RETURNING {TRANSACTION}""",
    ),
    (EVENTS, f"{OTHER_QUOTE} RETURNING {TRANSACTION}"),
    (
        EVENTS,
        f"UPDATE history AS h SET amount_cents = amount_cents + 1 WHERE ctid = {done('CANCEL_SET_SELL')}"
        f" RETURNING {TRANSACTION}",
    ),
    (
        EVENTS,
        f"UPDATE history AS h SET price_cents = price_cents - 1 WHERE ctid = {done('COMMIT_SELL')}"
        f" RETURNING {TRANSACTION}",
    ),
    (EVENTS, expiry(late_ms=0).replace("'of user %L, expired by row %s', user_id, seq", "'user %L', user_id")),
    (
        "each change of cash is in the log, to the cent",
        f"UPDATE history AS h SET symbol = 'ZZZ' WHERE ctid = {done('COMMIT_SELL')} RETURNING {TRANSACTION}",
    ),
    (
        ORDER,
        f"""UPDATE history AS h SET {EXCHANGED} FROM history AS other
            WHERE h.user_id = {SOMEBODY} AND other.user_id = h.user_id AND (h.seq, other.seq) IN ((3, 4), (4, 3))
            RETURNING format('history row 3 of user %L', h.user_id)""",
    ),
    (
        ORDER,
        """DELETE FROM audit_events WHERE ctid = (
               SELECT ctid FROM audit_events WHERE kind = 'userCommand' AND user_id > '' ORDER BY 1 LIMIT 1)
           RETURNING format('of user %L', user_id)""",
    ),
    (OPEN, "UPDATE accounts SET opened = true WHERE NOT opened RETURNING format('account %L', user_id)"),
    (
        OPEN,
        "ALTER TABLE accounts DROP CONSTRAINT accounts_closed_is_empty",
        """UPDATE accounts SET opened = false WHERE ctid = (SELECT ctid FROM accounts WHERE opened LIMIT 1)
           RETURNING format('account %L', user_id)""",
    ),
    (
        "pending orders are what the history says",
        """UPDATE pending_orders SET transaction_number = transaction_number + 1 WHERE ctid = (
               SELECT ctid FROM pending_orders ORDER BY user_id, seq LIMIT 1)
           RETURNING format('history row %s of user %L', seq, user_id)""",
    ),
    (
        "trigger orders are what the history says",
        """UPDATE trigger_orders SET transaction_number = transaction_number + 1 WHERE ctid = (
               SELECT ctid FROM trigger_orders ORDER BY user_id LIMIT 1) RETURNING user_id""",
    ),
    (
        "fills have the number of the command that armed their order",
        eve(SET, ARM, ("SET_BUY_TRIGGER", "fill", 400, 400, 600, -1000)),
    ),
    (
        "expiries give back what the order reserved, not before 60 s",
        expiry(late_ms=0),
        """UPDATE history SET transaction_number = transaction_number + 1 WHERE kind = 'expiry'
           RETURNING format('of user %L, expired by row %s', user_id, seq)""",
    ),
    (
        "each quote request that failed is in the log once, as of when it was made",
        """WITH request AS (
               INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms, failure)
               VALUES ('ZZZ', 'ann', 1, false, 6, 'timeout') RETURNING quote_id)
           INSERT INTO audit_events (source, number, kind, at_ms, transaction_number, message)
           SELECT 64, 1000000, 'debugEvent', 7, 1, format('quote request %s of 5 is paid for', quote_id) FROM request
           RETURNING 'quote' || substring(message FROM 'request( [0-9]+) ')""",
    ),
    (ENDED, REQUEST.format(age_ms=1_000)),
    (ENDED, OWNED, REQUEST.format(age_ms=70_000)),
    (ENDED, "UPDATE quote_fetches SET price_cents = NULL WHERE quote_id = 3 RETURNING 'quote 3'"),
    (MARKERS, f"UPDATE dump_markers SET number = number - 1 {OF_FOUR}"),
    (MARKERS, f"DELETE FROM dump_markers {OF_FOUR}"),
    (
        MARKERS,
        """INSERT INTO dump_markers SELECT 'x', source, number FROM dump_markers WHERE source = 4
           RETURNING 'dump x, source 4'""",
    ),
    (WHOSE, "UPDATE dumps SET filename = 'other' RETURNING format('dump %s', dump_id)"),
    (WHOSE, "UPDATE dumps SET user_id = 'ann' RETURNING format('dump %s', dump_id)"),
    (WHOSE, "DELETE FROM dumps RETURNING format('dump %s', dump_id)"),
    (WHOSE, "INSERT INTO dumps (dump_id, filename) VALUES ('x', 'x') RETURNING 'dump x'"),
    (
        FILES,
        """UPDATE dumps SET state = 'failed', written_at_ms = NULL, failure = 'the disk is broken'
           RETURNING 'dump testLOG of all users was not written: the disk is broken'""",
    ),
    (
        FILES,
        """UPDATE dumps SET state = 'waiting', written_at_ms = NULL, failure = 'the disk is full'
           RETURNING 'dump testLOG of all users is not written yet: the disk is full'""",
    ),
    (
        FILES,
        """UPDATE dumps SET state = 'replaced'
           RETURNING 'dump testLOG of all users was replaced, but no later one exists'""",
    ),
    (COMPLETE, "DELETE FROM dump_markers WHERE source = 64 RETURNING format('dump %s: 16 markers of 16, no', dump_id)"),
    (
        COMPLETE,
        """UPDATE dump_markers SET number = number + 1 WHERE source = 64
           RETURNING format('dump %s: 16 markers of 16, %s entries', dump_id, number)""",
    ),
    (
        COMPLETE,
        """DELETE FROM audit_events WHERE kind = 'marker' AND source = 4
           RETURNING format('dump %s: 15 markers of 16', message)""",
    ),
    (
        CHAIN,
        "ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_numbers_rise",
        "ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_checks_whole",
        """UPDATE audit_chain SET last_number = -5 WHERE (source, first_number) = (4, 1)
           RETURNING 'audit entry 1 of source 4'""",
    ),
]
