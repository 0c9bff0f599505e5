"""Idempotency keys of forms, so that each intention of a person takes effect once.

A form carries a token. Token and content together are the intention: sent again unchanged, from any page that still
shows the form, it is the same intention; with other content it is another. The script makes a new token when a person
confirms that they want the same again (static/js/intentions.js); without script, a form that was done comes back empty.
"""

from schema.commands import CommandName
from schema.outcomes import Side
from webapp import commands, ids, reads
from webapp.accounts import Person
from webapp.commands import KeyReused, Submitted
from webapp.pages.formats import dollars
from webapp.pages.words import message

WAIT_MS = 6_000
"""Longest wait for the outcome: a slow quote takes 4 s. After that the answer is "pending", and the page
shows the outcome when it comes."""

TOKEN_CHARACTERS_MAX = 100

REPEATABLE = frozenset({CommandName.QUOTE, CommandName.DISPLAY_SUMMARY})
"""Commands that change nothing. Each time one is asked for, the newest answer is wanted, so they have no key."""

_CANCELLED_SIDE = {CommandName.CANCEL_SET_BUY: Side.BUY, CommandName.CANCEL_SET_SELL: Side.SELL}


def submit_once(
    command: CommandName, arguments: list[str], form: tuple[str, ...] | None, token: str, person: Person
) -> Submitted:
    """Gives a command; a second call with the same token and arguments returns the first one's result.

    `form`: as `webapp.commands.CommandRequest` has it. Raises Unavailable.
    """
    key = None if command in REPEATABLE else token[:TOKEN_CHARACTERS_MAX] or None
    request = commands.CommandRequest(command, arguments, person.user_id, person.administrator, form)
    try:
        return commands.give(request, WAIT_MS, key)
    except KeyReused:
        # The key belongs to what the form held when it was first sent; other content gets a key of its own.
        return commands.give(request, WAIT_MS, f"{key}.{ids.body_digest(command, arguments, form).hex()}")


def changed_trigger_order(
    command: CommandName, symbol: str, version: str | None, person: Person
) -> dict[str, str] | None:
    """Message for a person whose CANCEL_SET_* form shows a trigger order that has since changed; None if it has not.

    `version`: that of the order that the form shows; None if the form shows none.
    A cancel names no order (spec §3), so this checks just before it is given. It misses a change in that moment.
    """
    side = _CANCELLED_SIDE.get(command)
    if side is None or version is None:
        return None
    for order in reads.trigger_orders(person.user_id):
        if (order.symbol, order.side) == (symbol, side) and str(order.version) != version:
            armed = (
                f" at {dollars(order.trigger_cents)} a share"
                if order.trigger_cents
                else ", without a trigger price yet"
            )
            now = f"It is for {dollars(order.amount_cents)}{armed}."
            return message("rejected", "Nothing was cancelled", f"This trigger order of {symbol} has changed. {now}")
    return None
