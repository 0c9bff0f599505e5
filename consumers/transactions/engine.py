"""Rules of the sixteen commands, of fills and of expiries: they make a decision from account, command, quote and time.

Source: spec §3. Pure: nothing here does I/O, reads a clock, draws random numbers, logs, or changes its arguments.
Outcomes are values; a failed assertion means that the system, not the user, is wrong.
"""

from collections.abc import Callable

from consumers.transactions import funds, pending_rules, trigger_rules
from consumers.transactions.account import Account, Decision, PendingOrder
from consumers.transactions.verdict import WANTS_QUOTE, Given, rejected
from schema.commands import Command, CommandName
from schema.events import Quote

__all__ = ["NEEDS_QUOTE", "WANTS_QUOTE", "decide", "decide_fill", "due", "expire"]

NEEDS_QUOTE = frozenset({CommandName.QUOTE, CommandName.BUY, CommandName.SELL})

Rule = Callable[[Account, Command, Given, int], "Decision | None"]

RULES: dict[CommandName, Rule] = {
    CommandName.ADD: funds.add,
    CommandName.QUOTE: funds.quote,
    CommandName.BUY: pending_rules.buy,
    CommandName.COMMIT_BUY: pending_rules.commit_buy,
    CommandName.CANCEL_BUY: pending_rules.cancel_buy,
    CommandName.SELL: pending_rules.sell,
    CommandName.COMMIT_SELL: pending_rules.commit_sell,
    CommandName.CANCEL_SELL: pending_rules.cancel_sell,
    CommandName.SET_BUY_AMOUNT: trigger_rules.set_buy_amount,
    CommandName.SET_BUY_TRIGGER: trigger_rules.set_buy_trigger,
    CommandName.CANCEL_SET_BUY: trigger_rules.cancel_set_buy,
    CommandName.SET_SELL_AMOUNT: trigger_rules.set_sell_amount,
    CommandName.SET_SELL_TRIGGER: trigger_rules.set_sell_trigger,
    CommandName.CANCEL_SET_SELL: trigger_rules.cancel_set_sell,
    CommandName.DISPLAY_SUMMARY: funds.display_summary,
    CommandName.DUMPLOG: funds.dumplog,
}

assert set(RULES) == set(CommandName)

decide_fill = trigger_rules.fill
expire = pending_rules.expire


def decide(account: Account, command: Command, given: Given, now_ms: int) -> Decision | None:
    """Decides a command at this time. Returns WANTS_QUOTE (None) if the outcome depends on a quote and none was given.

    `given`: a usable quote of the command's symbol; None if there is none yet; NO_QUOTE if there will be none.
    Pending orders that are due must have been expired before.
    """
    if command.defect is not None:
        return rejected(command, command.defect)
    assert not isinstance(given, Quote) or (given.symbol == command.symbol and given.usable(now_ms)), given
    return RULES[command.name](account, command, given, now_ms)


def due(account: Account, now_ms: int) -> list[PendingOrder]:
    """Pending orders whose 60 s are over, in the order in which they have to expire (spec §3, expiry).

    Releasing one of them does not change which others are due, so one call serves all: a user may have 1,000.
    """
    # Checks all orders: after a clock was set back, the oldest need not be the first to expire.
    orders = [order for order in (*account.buys, *account.sells) if pending_rules.is_over(order, now_ms)]
    return sorted(orders, key=lambda order: (order.expires_at_ms, order.seq))
