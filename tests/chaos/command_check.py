"""Checks that every confirmed command was executed once, as it was sent, and in its user's order. Reads only."""

from collections.abc import Mapping

from tests.chaos.database_view import DatabaseView
from tests.chaos.expiry_check import Span
from tests.chaos.sent_commands import WorkloadCommand

ARMING = ("SET_BUY_TRIGGER", "SET_SELL_TRIGGER")
"""Commands whose amount is the price of a trigger."""


def not_once(database: DatabaseView, given: Mapping[bytes, WorkloadCommand]) -> list[str]:
    counts = dict(database.rows(_COUNTS))
    found = [f"{_name(one, given)} is not in the history" for one in sorted(given) if one not in counts]
    found += [f"{_name(one, given)} is there {n} times" for one, n in sorted(counts.items()) if n > 1 and one in given]
    return found + [f"{one.hex()} was never given" for one in sorted(counts.keys() - given.keys())]


def not_as_given(database: DatabaseView, given: Mapping[bytes, WorkloadCommand]) -> list[str]:
    """Finds commands whose history row says something else than what was sent.

    A done COMMIT or CANCEL names its order in the history, so fewer of its fields are compared.
    """
    found = []
    for command_id, number, name, user, symbol, amount, price, done in database.rows(_COMMANDS):
        one = given.get(command_id)
        if one is None:
            continue  # not_once reports it
        kept = (number, name, user or None)
        wanted = (one.number, one.name, one.user)
        if one.symbol is not None or not done:
            kept, wanted = (*kept, symbol), (*wanted, one.symbol)
        if one.cents is not None or not done:
            kept, wanted = (*kept, price if done and name in ARMING else amount), (*wanted, one.cents)
        if kept != wanted:
            found.append(f"{_name(command_id, given)} is {kept}, given was {wanted}")
    return found


def out_of_order(database: DatabaseView) -> list[str]:
    return [f"{user or 'nobody'}: history row {seq}" for user, seq in database.rows(_DISORDER)]


def unexcused_without_quote(database: DatabaseView, excuses: list[Span]) -> list[str]:
    """Finds commands rejected because no quote was available, outside of `excuses`: spans of quote server faults."""
    return [
        f"{user}: history row {seq} ({command} {symbol}) found no quote, and the quote server was well"
        for user, seq, command, symbol, at_ms in database.rows(_WITHOUT_QUOTE)
        if not any(begin <= at_ms <= end for begin, end in excuses)
    ]


def _name(command_id: bytes, given: Mapping[bytes, WorkloadCommand]) -> str:
    return f"transaction {given[command_id].number}"


_COUNTS = "SELECT command_id, count(*) FROM history WHERE kind = 'command' GROUP BY 1"

_COMMANDS = """
    SELECT command_id, transaction_number, command::text, user_id, symbol, amount_cents, price_cents, outcome = 'done'
    FROM history WHERE kind = 'command' ORDER BY user_id, seq"""

# The command ids of a source rise with the line number. Rows of other sources may lie between them.
_DISORDER = """
    SELECT user_id, seq FROM (
        SELECT user_id, seq, command_id,
               lag(command_id) OVER (PARTITION BY user_id, substr(command_id, 1, 8) ORDER BY seq) AS before
        FROM history WHERE kind = 'command') AS in_effect
    WHERE command_id < before ORDER BY user_id, seq"""

_WITHOUT_QUOTE = """
    SELECT user_id, seq, command::text, symbol, at_ms FROM history WHERE reason = 'no_quote' ORDER BY user_id, seq"""
