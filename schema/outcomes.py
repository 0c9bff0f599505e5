"""Outcomes of commands (spec §3), and states of a dump's file. Values, never exceptions."""

import enum


class Outcome(enum.StrEnum):
    DONE = "done"
    REJECTED = "rejected"


class Reason(enum.StrEnum):
    """Reason why a command was rejected. If several apply, the first in this order is given.

    The order is that of spec §3 merged over all commands. No command checks two of them the other way round, except a
    SELL by shares, which checks TOO_FEW_SHARES before NO_QUOTE (spec §3a).
    """

    BAD_ARGUMENTS = "bad_arguments"
    AMOUNT_NOT_POSITIVE = "amount_not_positive"
    BAD_FILE_NAME = "bad_file_name"
    NOT_ADMINISTRATOR = "not_administrator"
    NO_ACCOUNT = "no_account"
    TOO_MANY_TRIGGER_ORDERS = "too_many_trigger_orders"
    TOO_LITTLE_CASH = "too_little_cash"
    NO_SHARES = "no_shares"
    QUOTE_ALLOWANCE_USED_UP = "quote_allowance_used_up"
    NO_QUOTE = "no_quote"
    NO_PENDING_BUY = "no_pending_buy"
    NO_PENDING_SELL = "no_pending_sell"
    NOT_NEWEST_ORDER = "not_newest_order"
    NO_BUY_AMOUNT = "no_buy_amount"
    NO_SELL_AMOUNT = "no_sell_amount"
    NO_TRIGGER_ORDER = "no_trigger_order"
    AMOUNT_BELOW_TRIGGER = "amount_below_trigger"
    AMOUNT_BELOW_ONE_SHARE = "amount_below_one_share"
    TOO_FEW_SHARES = "too_few_shares"
    TOO_MANY_PENDING = "too_many_pending"
    TRIGGER_ALLOWANCE_USED_UP = "trigger_allowance_used_up"
    BALANCE_LIMIT = "balance_limit"


SENTENCES = {
    Reason.BAD_ARGUMENTS: "an argument is missing, malformed or unexpected",
    Reason.AMOUNT_NOT_POSITIVE: "the amount, or the number of shares, must be more than zero",
    Reason.BAD_FILE_NAME: "the file name must be a relative path inside the dump folder, of at most 100 characters",
    Reason.NOT_ADMINISTRATOR: "only an administrator may dump the whole log",
    Reason.NO_ACCOUNT: "there is no account yet: add funds first",
    Reason.TOO_MANY_TRIGGER_ORDERS: "1,000 trigger orders are set already: cancel one first",
    Reason.TOO_LITTLE_CASH: "not enough available cash",
    Reason.NO_SHARES: "there are no shares of this stock to sell",
    Reason.QUOTE_ALLOWANCE_USED_UP: "quote allowance used up: new prices are available again after midnight UTC",
    Reason.NO_QUOTE: "no quote available",
    Reason.NO_PENDING_BUY: "there is no pending buy order from the last 60 seconds",
    Reason.NO_PENDING_SELL: "there is no pending sell order from the last 60 seconds",
    Reason.NOT_NEWEST_ORDER: "only the newest pending buy or sell can be committed or cancelled; this one is older",
    Reason.NO_BUY_AMOUNT: "set an amount to buy for this stock first",
    Reason.NO_SELL_AMOUNT: "set an amount to sell for this stock first",
    Reason.NO_TRIGGER_ORDER: "there is no trigger order for this stock",
    Reason.AMOUNT_BELOW_TRIGGER: "the amount is less than the trigger price",
    Reason.AMOUNT_BELOW_ONE_SHARE: "the amount is less than the price of one share",
    Reason.TOO_FEW_SHARES: "not enough available shares",
    Reason.TOO_MANY_PENDING: "1,000 orders are pending already: commit or cancel one first",
    Reason.TRIGGER_ALLOWANCE_USED_UP: "trigger allowance used up: cancel an armed trigger order first",
    Reason.BALANCE_LIMIT: "the balance would exceed its limit",
}
"""Sentences for people: the audit log's error messages, and the web."""

assert set(SENTENCES) == set(Reason)


class HistoryKind(enum.StrEnum):
    """Origin of a history row: a user's command, a trigger order's fill, or a pending order's expiry (spec §5)."""

    COMMAND = "command"
    FILL = "fill"
    EXPIRY = "expiry"


class Side(enum.StrEnum):
    BUY = "buy"
    SELL = "sell"


class DumpState(enum.StrEnum):
    """State of the file that a DUMPLOG asked for.

    `WAITING`: its log is not complete yet, or the file is still to be written. `REPLACED`: the file with its name is
    that of a later dump. `FAILED`: the file will never be written. Only `WAITING` and `WRITTEN` can change, the latter
    only to `REPLACED`.
    """

    WAITING = "waiting"
    WRITTEN = "written"
    REPLACED = "replaced"
    FAILED = "failed"
