"""Rerun of a user's log through the engine, which compares every decision with the recorded one.

Uses the engine's own functions. From the record it takes only what the engine got from outside: the times of decisions,
and the quotes that the worker had. It notes each disagreement, and goes on with its own result. No I/O, no clock.
"""

from collections.abc import Iterator
from operator import attrgetter

from consumers.transactions import engine
from consumers.transactions.account import Account, DecidedRow, Decision, apply
from consumers.transactions.batch import Batch
from consumers.transactions.replay.findings import Findings, Kind
from consumers.transactions.replay.log import LogEntry, UserLog
from consumers.transactions.replay.recorded import LogProgress, RecordedRow
from consumers.transactions.verdict import NO_QUOTE, QUOTE_REFUSED, Given
from schema.commands import Command, Fill
from schema.events import Quote
from schema.history import expired_seq
from schema.outcomes import HistoryKind, Reason

COMPARED = (
    "kind",
    "transaction_number",
    "command",
    "symbol",
    "amount_cents",
    "price_cents",
    "outcome",
    "reason",
    "cash_delta_cents",
    "reserved_delta_cents",
    "shares_delta",
    "reserved_shares_delta",
    "quote_id",
    "shares",
    "order_seq",
    "newest_order_seq",
)
"""Fields of a history row that come from its decision."""

_compared = attrgetter(*COMPARED)

BEFORE_ALL = 0


class Rerun:
    """Rerun of one user. Call `step` for each history row in order, then `finish`."""

    def __init__(self, user: str, log: UserLog, progress: LogProgress, partition: int, findings: Findings):
        self.account = Account(user)
        self._log = log
        self._progress = progress
        self._partition = partition
        self._findings = findings
        self._reached = BEFORE_ALL
        self._at_ms = 0

    def step(self, batch: Batch, row: RecordedRow) -> None:
        """Recomputes this row, and adds the result to the batch."""
        account = self.account
        if row.seq != account.history_seq + 1:
            self._note(Kind.GAP, row, f"follows row {account.history_seq}")
            account.history_seq = row.seq - 1
        if row.kind == HistoryKind.COMMAND:
            done = self._command(batch, row)
        elif row.kind == HistoryKind.FILL:
            done = self._fill(batch, row)
        else:
            done = self._expiry(batch, row)
        if not done:
            account.history_seq = row.seq  # so that the next rows' numbers match again
        self._at_ms = row.at_ms

    def finish(self) -> None:
        """Notes the requests that are in the stream and have no history row."""
        for entry in self._log.commands.values():
            if entry.offset < self._progress.next_offset or entry.number < self._reached:
                command = _command_of(entry)
                self._findings.note(
                    Kind.LOST, f"{self._name}: {command.name} {command.transaction_number} {_where(entry)}"
                )
            else:
                self._findings.not_yet_executed += 1
        for entry in self._log.fills:
            if entry.offset < self._progress.next_offset:
                self._void(entry, self._progress.clock_ms)
            else:
                self._findings.not_yet_executed += 1
        self._log.fills.clear()

    def _command(self, batch: Batch, row: RecordedRow) -> bool:
        self._findings.commands += 1
        entry = self._log.commands.pop(row.command_id, None)
        if entry is None:
            self._note(Kind.UNKNOWN, row, f"command id {row.command_id.hex()}")
            return False
        self._reach(entry, row)
        given, command = self._given(row, entry), _command_of(entry)
        decision = engine.decide(self.account, command, given, row.at_ms)
        if decision is engine.WANTS_QUOTE:
            self._note(Kind.MISMATCH, row, "cannot be decided without a quote, but none is recorded")
            return False
        self._compare(row, decision, entry.published_at_ms)
        batch.add_command(self._partition, self.account, command, self._applied(row, entry, decision))
        return True

    def _fill(self, batch: Batch, row: RecordedRow) -> bool:
        self._findings.fills += 1
        if all(entry.request.command_id != row.command_id for entry in self._log.fills):
            self._note(Kind.UNKNOWN, row, f"fill id {row.command_id.hex()}, not found at this place in the stream")
            return False
        # The stream may hold the same fill more than once, void at first. It does not matter which copy took effect.
        while (entry := self._log.fills.popleft()).request.command_id != row.command_id:
            self._void(entry, row.at_ms)
        self._reach(entry, row)
        fill = _fill_of(entry)
        quoted = (row.quoted_symbol, row.quoted_price_cents, row.asked_at_ms)
        if quoted != (fill.symbol, fill.price_cents, fill.asked_at_ms):
            self._note(Kind.MISMATCH, row, f"quote {row.quote_id} is {quoted}, and differs from the fill's quote")
        decision = engine.decide_fill(self.account, fill, row.at_ms)
        if decision is None:
            self._note(Kind.MISMATCH, row, "this fill is void")
            return False
        self._compare(row, decision, entry.published_at_ms)
        batch.add_fill(self._partition, self.account, self._applied(row, entry, decision))
        return True

    def _expiry(self, batch: Batch, row: RecordedRow) -> bool:
        self._findings.expiries += 1
        order = next(iter(engine.due(self.account, row.at_ms)), None)
        if order is None or order.seq != expired_seq(row):
            due = "none is" if order is None else f"{order.seq} is"
            self._note(Kind.MISMATCH, row, f"released order {expired_seq(row)}, but {due} due")
            return False
        decision = engine.expire(order)
        self._compare(row, decision, order.expires_at_ms)
        apply(self.account, decision)
        batch.add_expiry(self._partition, self.account, row.at_ms, decision)
        return True

    def _applied(self, recorded: RecordedRow, entry: LogEntry, decision: Decision) -> DecidedRow:
        """Applies a decision to the account; returns its history row, at the recorded time."""
        apply(self.account, decision)
        user, seq = self.account.user, self.account.history_seq
        return DecidedRow(user, seq, recorded.command_id, entry.published_at_ms, recorded.at_ms, decision)

    def _reach(self, entry: LogEntry, row: RecordedRow) -> None:
        """Checks that the row's request is next in the stream, and that everything due had expired before it."""
        while self._log.fills and self._log.fills[0].number < entry.number:
            self._void(self._log.fills.popleft(), row.at_ms)
        if entry.number < self._reached:
            self._note(Kind.OUT_OF_ORDER, row, f"{_where(entry)} was executed after a later entry of the stream")
        self._reached = max(self._reached, entry.number)
        account = self.account
        if (account.buys or account.sells) and (overdue := engine.due(account, row.at_ms)):
            self._note(Kind.MISMATCH, row, f"order {overdue[0].seq} was due, but was not released before this row")

    def _given(self, row: RecordedRow, entry: LogEntry) -> Given:
        """Quote that the worker had for this row, as recorded."""
        if row.reason == Reason.NO_QUOTE:
            return NO_QUOTE
        if row.reason == Reason.QUOTE_ALLOWANCE_USED_UP:
            return QUOTE_REFUSED
        if row.quote_id is None:
            return None
        price = row.quoted_price_cents
        asked_at_ms = row.asked_at_ms
        if (
            price is None
            or asked_at_ms is None
            or row.quoted_symbol is None
            or row.quoted_symbol != entry.request.symbol
        ):
            self._note(Kind.MISMATCH, row, f"quote {row.quote_id} has no price for {entry.request.symbol}")
            return None
        quote = Quote(row.quote_id, row.quoted_symbol, price, asked_at_ms, row.transaction_number, row.user)
        if not quote.usable(row.at_ms):
            self._note(Kind.MISMATCH, row, f"quote {row.quote_id} was {row.at_ms - asked_at_ms} ms old")
            return None
        return quote

    def _void(self, entry: LogEntry, until_ms: int) -> None:
        """Checks a fill without a history row, taken between the row before and `until_ms`: it must have been void.

        The result does not depend on whether orders that expired meanwhile were released before or after the fill,
        because reserved amounts count for the limits too. It does depend on the quote's age, and nothing records when
        the fill was taken.
        """
        fill = _fill_of(entry)
        if engine.decide_fill(self.account, fill, self._at_ms) is None:
            self._findings.void_fills += 1
        elif engine.decide_fill(self.account, fill, until_ms) is None:
            self._findings.void_by_age += 1
        else:
            self._findings.note(Kind.LOST, f"{self._name}: fill of {fill.side} {fill.symbol} {_where(entry)}")

    def _compare(self, row: RecordedRow, decision: Decision, published_at_ms: int) -> None:
        if _compared(row) != _compared(decision):
            self._note(Kind.MISMATCH, row, ", ".join(_differences(row, decision)))
        elif row.published_at_ms != published_at_ms:
            self._note(
                Kind.MISMATCH, row, f"published_at_ms {row.published_at_ms}, but in the stream {published_at_ms}"
            )

    def _note(self, kind: Kind, row: RecordedRow, what: str) -> None:
        self._findings.note(kind, f"{self._name}: row {row.seq}, {row.kind} {row.command}: {what}")

    @property
    def _name(self) -> str:
        return self.account.user or "no user"


def _differences(row: RecordedRow, decision: Decision) -> Iterator[str]:
    for name, recorded, recomputed in zip(COMPARED, _compared(row), _compared(decision), strict=True):
        if recorded != recomputed:
            yield f"{name} {recorded}, recomputed {recomputed}"


def _command_of(entry: LogEntry) -> Command:
    assert isinstance(entry.request, Command), entry
    return entry.request


def _fill_of(entry: LogEntry) -> Fill:
    assert isinstance(entry.request, Fill), entry
    return entry.request


def _where(entry: LogEntry) -> str:
    return f"(offset {entry.offset})"
