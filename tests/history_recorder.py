"""Simulated user whose history is recorded, for tests of code that reads history. No I/O, no clock."""

import copy

from consumers.transactions import engine
from consumers.transactions.account import Account, Decision, apply
from consumers.transactions.replay.log import LogEntry, UserLog
from consumers.transactions.replay.recorded import RecordedRow
from consumers.transactions.verdict import NO_QUOTE
from schema.commands import Command, Fill
from schema.events import Quote
from schema.history import HistoryRow
from schema.outcomes import Side
from tests.builders import T0, a_command, a_fill, a_quote

PUBLISHED_BEFORE_MS = 5
"""Time from the publication of a command or fill to its decision."""


class HistoryRecorder:
    """Simulated user whose commands go straight to the engine. Due orders are released before each command.

    `rows` are the history, `accounts` the account after each row, `entries` the log; entry n is at offset n.
    """

    def __init__(self, user: str = "ann"):
        self.account = Account(user)
        self.now_ms = T0
        self.rows: list[HistoryRow] = []
        self.accounts: list[Account] = []
        self.entries: list[LogEntry] = []
        self._quotes: dict[int, Quote] = {}

    def waits(self, ms: int) -> None:
        self.now_ms += ms

    def gives(self, name: str, amount_cents: int | None = None, symbol: str = "ABC", price: int | None = None) -> None:
        """Gives a command. `price`: the quote's; None if no quote is available."""
        self._expire()
        command = a_command(name, amount_cents, symbol, self.account.user)
        given = NO_QUOTE if command.name in engine.NEEDS_QUOTE else None
        if given and price is not None:
            given = a_quote(price, symbol, self.now_ms, quote_id=len(self._quotes) + 1)
            self._quotes[given.quote_id] = given
        decision = engine.decide(self.account, command, given, self.now_ms)
        self._log(command)
        self._write(decision, command.command_id, self.now_ms - PUBLISHED_BEFORE_MS)

    def fills(self, symbol: str, side: Side, price: int, version: int | None = None, asked_at_ms: int | None = None):
        """Runs a fill; returns the decision, or None if the fill is void."""
        self._expire()
        order = self.account.triggers.get((symbol, side))
        version = order.version if version is None and order else version or 0
        asked_at_ms = self.now_ms if asked_at_ms is None else asked_at_ms
        quote = a_quote(price, symbol, asked_at_ms, quote_id=len(self._quotes) + 1)
        self._quotes[quote.quote_id] = quote
        fill = a_fill(price, version, side, symbol, self.account.user, asked_at_ms, quote.quote_id)
        decision = engine.decide_fill(self.account, fill, self.now_ms)
        self._log(fill)
        if decision is not None:
            self._write(decision, fill.command_id, self.now_ms - PUBLISHED_BEFORE_MS)
        return decision

    def log(self) -> UserLog:
        """Returns the user's log, as replay reads it."""
        log = UserLog()
        for entry in self.entries:
            if isinstance(entry.request, Fill):
                log.fills.append(entry)
            else:
                log.commands[entry.request.command_id] = entry
        return log

    def recorded(self) -> list[RecordedRow]:
        """Returns the history with its quotes, as replay reads it."""
        return [self._with_quote(row) for row in self.rows]

    def _with_quote(self, row: HistoryRow) -> RecordedRow:
        quote = self._quotes.get(row.quote_id)
        quoted = (quote.symbol, quote.price_cents, quote.asked_at_ms) if quote else (None, None, None)
        values = (getattr(row, field) for field in HistoryRow.__struct_fields__)
        return RecordedRow(*values, self.account.user, *quoted)

    def _expire(self) -> None:
        for order in engine.due(self.account, self.now_ms):
            self._write(engine.expire(order), b"expiry: " + order.seq.to_bytes(8, "big"), order.expires_at_ms)

    def _log(self, order: Command | Fill) -> None:
        place = len(self.entries) + 1
        self.entries.append(LogEntry(place, place, order, self.now_ms - PUBLISHED_BEFORE_MS))

    def _write(self, decision: Decision, command_id: bytes, published_at_ms: int) -> None:
        apply(self.account, decision)
        self.rows.append(
            HistoryRow(
                self.account.history_seq,
                decision.kind,
                command_id,
                decision.transaction_number,
                decision.command,
                decision.symbol,
                decision.amount_cents,
                decision.price_cents,
                decision.outcome,
                decision.reason,
                decision.cash_delta_cents,
                decision.reserved_delta_cents,
                decision.shares_delta,
                decision.reserved_shares_delta,
                decision.quote_id,
                published_at_ms,
                self.now_ms,
                decision.shares,
                decision.order_seq,
                decision.newest_order_seq,
            )
        )
        self.accounts.append(copy.deepcopy(self.account))
