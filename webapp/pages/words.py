"""Wording of outcomes of commands and of history rows, for people. Pure."""

from schema.commands import CommandName
from schema.outcomes import HistoryKind, Outcome
from webapp.commands import CommandResult, CommandStatus
from webapp.pages.formats import count, dollars, sentence, time_of_day
from webapp.reads import HistoryRowView

NAMES = {
    CommandName.ADD: "Add funds",
    CommandName.QUOTE: "Quote",
    CommandName.BUY: "Buy order",
    CommandName.COMMIT_BUY: "Commit buy",
    CommandName.CANCEL_BUY: "Cancel buy",
    CommandName.SELL: "Sell order",
    CommandName.COMMIT_SELL: "Commit sell",
    CommandName.CANCEL_SELL: "Cancel sell",
    CommandName.SET_BUY_AMOUNT: "Set buy amount",
    CommandName.SET_BUY_TRIGGER: "Arm buy trigger",
    CommandName.CANCEL_SET_BUY: "Cancel buy trigger",
    CommandName.SET_SELL_AMOUNT: "Set sell amount",
    CommandName.SET_SELL_TRIGGER: "Arm sell trigger",
    CommandName.CANCEL_SET_SELL: "Cancel sell trigger",
    CommandName.DISPLAY_SUMMARY: "Account summary",
    CommandName.DUMPLOG: "Write log",
}

assert set(NAMES) == set(CommandName)

_DONE = {
    CommandName.ADD: ("Funds added", "{amount} is in your cash."),
    CommandName.QUOTE: ("{symbol} is at {price}", "This price is good for 60 seconds from when it was requested."),
    CommandName.BUY: ("Buy order placed", "{shares}{symbol} at {price}. Commit it within 60 seconds."),
    CommandName.COMMIT_BUY: ("Bought", "{shares}{symbol} at {price}."),
    CommandName.CANCEL_BUY: ("Buy order cancelled", "The reserved cash is available again."),
    CommandName.SELL: ("Sell order placed", "{shares}{symbol} at {price}. Commit it within 60 seconds."),
    CommandName.COMMIT_SELL: ("Sold", "{shares}{symbol} at {price}."),
    CommandName.CANCEL_SELL: ("Sell order cancelled", "The shares are available again."),
    CommandName.SET_BUY_AMOUNT: ("Amount set", "{amount} to buy {symbol}. Now arm it with a price."),
    CommandName.SET_BUY_TRIGGER: ("Armed", "Buys {symbol} at {price} or less."),
    CommandName.CANCEL_SET_BUY: ("Trigger order cancelled", "The cash reserved for {symbol} is available again."),
    CommandName.SET_SELL_AMOUNT: ("Amount set", "{amount} of {symbol} to sell. Now arm it with a price."),
    CommandName.SET_SELL_TRIGGER: ("Armed", "Sells {symbol} at {price} or more."),
    CommandName.CANCEL_SET_SELL: ("Trigger order cancelled", "The shares of {symbol} are available again."),
    CommandName.DISPLAY_SUMMARY: ("Up to date", "The summary shows your account as it is now."),
    CommandName.DUMPLOG: ("Log requested", "The list shows when the file is written, or why it cannot be written."),
}

_REPEATED = {
    CommandName.ADD: ("Already added", "{amount} went into your cash"),
    CommandName.BUY: ("Already placed", "Your buy order for {shares}{symbol} at {price} was placed"),
    CommandName.COMMIT_BUY: ("Already bought", "You bought {shares}{symbol} at {price}"),
    CommandName.CANCEL_BUY: ("Already cancelled", "Your buy order was cancelled"),
    CommandName.SELL: ("Already placed", "Your sell order for {shares}{symbol} at {price} was placed"),
    CommandName.COMMIT_SELL: ("Already sold", "You sold {shares}{symbol} at {price}"),
    CommandName.CANCEL_SELL: ("Already cancelled", "Your sell order was cancelled"),
    CommandName.SET_BUY_AMOUNT: ("Already set", "Your amount of {amount} to buy {symbol} was set"),
    CommandName.SET_BUY_TRIGGER: ("Already armed", "Your buy trigger for {symbol} was armed at {price}"),
    CommandName.CANCEL_SET_BUY: ("Already cancelled", "Your buy trigger for {symbol} was cancelled"),
    CommandName.SET_SELL_AMOUNT: ("Already set", "Your amount of {amount} to sell {symbol} was set"),
    CommandName.SET_SELL_TRIGGER: ("Already armed", "Your sell trigger for {symbol} was armed at {price}"),
    CommandName.CANCEL_SET_SELL: ("Already cancelled", "Your sell trigger for {symbol} was cancelled"),
}
"""Title and beginning of the text for a form that is sent once more."""

_ORDERS = {CommandName.BUY, CommandName.CANCEL_BUY, CommandName.COMMIT_BUY}

assert set(_DONE) == set(CommandName)


def outcome_message(result: CommandResult) -> dict[str, str]:
    """Message for an outcome: kind (done, rejected, pending), title and text."""
    if result.pending:
        name = NAMES[result.command] if result.command else "Your command"
        return message("pending", f"{name}: in progress", "The outcome will appear here as soon as it is known.")
    assert result.command is not None, "an outcome is that of a command"
    name = CommandName(result.command)
    if result.status is CommandStatus.REJECTED:
        return message("rejected", f"{NAMES[name]}: rejected", sentence(result.sentence))
    title, text = _DONE[name]
    figures = _figures(result)
    return message("done", title.format(**figures), text.format(**figures))


def not_newest_message(result: CommandResult, order_seq: int, newest: HistoryRowView) -> dict[str, str]:
    """Message for a COMMIT or CANCEL of an order that is not its side's newest (spec §3a): which one is, what to do."""
    first = outcome_message(result)
    other = f"{NAMES[CommandName(newest.command)].lower()} for {_details(newest)}"
    if order_seq < newest.seq:
        return first | {"text": f"You have a newer {other}. Commit or cancel that one first. Nothing was changed."}
    gone = "This order is no longer pending: it was committed or cancelled, or its 60 seconds are over."
    return first | {"text": f"{gone} Your newest is the {other}. Nothing was changed."}


def repeated_message(result: CommandResult, first: dict[str, str]) -> dict[str, str]:
    """Message for a form sent once more, which had no effect. `first`: the message of the first time."""
    if result.pending:
        return first
    if result.status is CommandStatus.REJECTED:
        return first | {"text": f"{first['text']} You had sent this form before, so it was not sent again."}
    assert result.command is not None and result.at_ms is not None, "an outcome is that of a command, at a time"
    title, text = _REPEATED.get(CommandName(result.command), (f"Already done: {first['title']}", "This was done"))
    at = f"{time_of_day(result.at_ms)} UTC"
    return message("pending", title, f"{text.format(**_figures(result))} at {at}. It was not done a second time.")


def _figures(result: CommandResult) -> dict[str, str]:
    return {
        "symbol": result.symbol or "",
        "amount": dollars(result.amount_cents),
        "price": dollars(result.price_cents),
        "shares": f"{share_count(result.shares)} of " if result.shares else "",
    }


def message(kind: str, title: str, text: str) -> dict[str, str]:
    return {"kind": kind, "title": title, "text": text}


def news_message(row: HistoryRowView) -> dict[str, str]:
    """Message for a history row without a command: a fill or an expiry."""
    text = f"{_details(row)}."
    if row.kind == HistoryKind.EXPIRY:
        return message("pending", title_of_row(row), f"{text} What it had reserved is available again.")
    return message("done", title_of_row(row), text)


def title_of_row(row: HistoryRowView) -> str:
    """A history row's name."""
    if row.kind == HistoryKind.EXPIRY:
        return f"{'Buy' if 'BUY' in row.command else 'Sell'} order expired"
    if row.kind == HistoryKind.FILL:
        return f"{'Buy' if 'BUY' in row.command else 'Sell'} trigger fired"
    return NAMES[CommandName(row.command)]


def what_happened(row: HistoryRowView) -> str:
    """A history row in a few words, with the figures that matter."""
    return ": ".join(filter(None, (title_of_row(row), _details(row))))


def _details(row: HistoryRowView) -> str:
    """Shares, symbol and price or amount of a row; "" if it has none of them."""
    parts = []
    shares = abs(row.shares_delta + row.reserved_shares_delta) or abs(row.shares_delta) or _ordered_shares(row)
    if shares:
        parts.append(f"{share_count(shares)} of {row.symbol}")
    elif row.symbol:
        parts.append(row.symbol)
    if row.price_cents is not None:
        parts.append(f"at {dollars(row.price_cents)}")
    elif row.amount_cents is not None:
        parts.append(dollars(row.amount_cents))
    return " ".join(parts)


def _ordered_shares(row: HistoryRowView) -> int:
    """Shares that a BUY or its COMMIT or CANCEL is for, if the row moved only cash; else 0."""
    if row.outcome != Outcome.DONE or row.command not in _ORDERS or not row.price_cents or row.amount_cents is None:
        return 0
    return row.amount_cents // row.price_cents


def share_count(shares: int) -> str:
    return f"{count(shares)} {'share' if shares == 1 else 'shares'}"
