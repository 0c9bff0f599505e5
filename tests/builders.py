"""Builders for tests of the pure core: arguments that a test leaves out do not matter. No I/O, no clock."""

import copy
import itertools
from collections.abc import Iterable, Mapping

from consumers.transactions import engine
from consumers.transactions.account import Account, DecidedRow, Decision, Position, apply
from consumers.transactions.batch import Batch, PartitionOutput
from consumers.transactions.verdict import NO_QUOTE, Given
from schema.arguments import AMOUNT, FILENAME, ORDER, SHARES, SIGNATURES, SITE_SIGNATURES, SYMBOL, USER
from schema.commands import Allowances, Command, CommandName, Fill, command_id
from schema.events import AuditEntry, Quote
from schema.outcomes import Outcome, Reason, Side

T0 = 1_700_000_000_000
"""Time at which tests begin, ms since the epoch."""

_numbers = itertools.count(1)


def a_command(
    name: CommandName | str,
    amount_cents: int | None = None,
    symbol: str = "ABC",
    user: str | None = "ann",
    number: int | None = None,
    filename: str = "log",
    defect: Reason | None = None,
    shares: int | None = None,
    order: int | None = None,
    allowances: Allowances | None = None,
) -> Command:
    """Makes a command with the arguments that its name needs, and with a new id.

    With `shares` or `order`, the command has a form that only the site and the API can send (spec §3a).
    """
    name = CommandName(name)
    number = number or next(_numbers)
    values = {USER: user, SYMBOL: symbol, AMOUNT: amount_cents, FILENAME: filename, SHARES: shares, ORDER: order}
    form = SIGNATURES[name][-1] if shares is None and order is None else SITE_SIGNATURES[name]
    fields = {field: values[field] for field in form}
    return Command(command_id(7, next(_numbers)), number, name, defect=defect, allowances=allowances, **fields)


def a_quote(price_cents: int, symbol: str = "ABC", asked_at_ms: int = T0, quote_id: int = 1, cause=(1, "eve")) -> Quote:
    """Makes a quote. `cause`: transaction number and user of the command that caused its purchase."""
    return Quote(quote_id, symbol, price_cents, asked_at_ms, *cause)


def a_fill(
    price_cents: int,
    version: int,
    side: Side = Side.BUY,
    symbol: str = "ABC",
    user: str = "ann",
    asked_at_ms: int = T0,
    quote_id: int = 1,
) -> Fill:
    return Fill(command_id(8, next(_numbers)), user, symbol, side, version, price_cents, quote_id, asked_at_ms)


def an_account(user: str = "ann", cash: int | None = 0, shares: Mapping[str, int] | None = None) -> Account:
    """Makes an account with this much available cash; with None it is not opened."""
    positions = {symbol: Position(count) for symbol, count in (shares or {}).items()}
    return Account(user, opened=cash is not None, cash_cents=cash or 0, positions=positions)


class Trader:
    """Simulated user whose commands go straight to the engine, at the time `now_ms`. `account` is its state.

    Like the scheduler, it releases due orders before each command, and adds each decision to `batch`.
    """

    def __init__(self, cash: int | None = 0, shares: Mapping[str, int] | None = None, user: str = "ann"):
        self.account = an_account(user, cash, shares)
        self.now_ms = T0
        self.batch = Batch()
        self.expired: list[Decision] = []

    def gives(
        self, name: str, amount_cents: int | None = None, symbol: str = "ABC", price: int | None = None, **beyond
    ) -> Decision:
        """Gives a command; returns the decision, already applied. `price`: the quote's; None if no quote is available.

        `beyond`: further arguments of `a_command`, which workload files cannot express.
        """
        command = a_command(name, amount_cents, symbol, self.account.user, **beyond)
        at_hand = price is not None and command.symbol is not None
        return self.gives_command(command, a_quote(price, symbol, self.now_ms) if at_hand else NO_QUOTE)

    def gives_command(self, command: Command, given: Given = NO_QUOTE) -> Decision:
        self.expire()
        decision = self.decide(command, given)
        self.batch.add_command(0, self.account, command, self.applied(decision, command.command_id, self.now_ms))
        return decision

    def applied(self, decision: Decision, command_id: bytes, published_at_ms: int) -> DecidedRow:
        """Applies a decision to the account; returns its history row."""
        apply(self.account, decision)
        user, seq = self.account.user, self.account.history_seq
        return DecidedRow(user, seq, command_id, published_at_ms, self.now_ms, decision)

    def does(self, name: str, *arguments, **more) -> Decision:
        """Runs a command like `gives`, and asserts that it is done."""
        decision = self.gives(name, *arguments, **more)
        assert decision.outcome is Outcome.DONE, decision.reason
        return decision

    def is_refused(self, name: str, *arguments, **more) -> Reason:
        """Returns why a command is rejected, and asserts that it changes only the number of history rows (spec §3)."""
        self.expire()
        before = copy.deepcopy(self.account)
        decision = self.gives(name, *arguments, **more)
        assert decision.outcome is Outcome.REJECTED, decision
        before.history_seq += 1
        assert self.account == before, decision
        return decision.reason

    def makes_pending(self, count: int, name: str = "BUY") -> None:
        """Makes pending orders of one share of ABC at one cent, quickly and without history or log."""
        for _ in range(count):
            command = a_command(name, 1, user=self.account.user)
            apply(self.account, engine.decide(self.account, command, a_quote(1, asked_at_ms=self.now_ms), self.now_ms))

    def sets_amounts_to_buy(self, symbols: Iterable[str]) -> None:
        """Makes a trigger order of one cent for each symbol, without a trigger, quickly and without history or log."""
        for symbol in symbols:
            command = a_command("SET_BUY_AMOUNT", 1, symbol, self.account.user)
            apply(self.account, engine.decide(self.account, command, NO_QUOTE, self.now_ms))

    def decide(self, command: Command, given: Given) -> Decision | None:
        """Returns the engine's decision; leaves its arguments as they are."""
        before = copy.deepcopy(self.account)
        decision = engine.decide(self.account, command, given, self.now_ms)
        assert self.account == before, command
        return decision

    def fills(
        self,
        price: int,
        version: int | None = None,
        side: Side = Side.BUY,
        asked_at_ms: int | None = None,
        symbol: str = "ABC",
    ) -> Decision | None:
        """Runs a fill at this price; returns the decision, already applied, or None if the fill is void."""
        asked_at_ms = self.now_ms if asked_at_ms is None else asked_at_ms
        version = self.account.triggers[symbol, side].version if version is None else version
        before = copy.deepcopy(self.account)
        fill = a_fill(price, version, side, symbol, self.account.user, asked_at_ms)
        decision = engine.decide_fill(self.account, fill, self.now_ms)
        assert self.account == before, fill
        if decision is not None:
            self.batch.add_fill(0, self.account, self.applied(decision, fill.command_id, self.now_ms))
        return decision

    def waits(self, ms: int) -> None:
        self.now_ms += ms

    def expire(self) -> None:
        """Releases due orders, as the scheduler does."""
        for order in engine.due(self.account, self.now_ms):
            decision = engine.expire(order)
            apply(self.account, decision)
            self.batch.add_expiry(0, self.account, self.now_ms, decision)
            self.expired.append(decision)

    @property
    def output(self) -> PartitionOutput:
        """Returns the batch's output for the partition so far, which is empty before the first decision."""
        return self.batch.outputs.get(0) or PartitionOutput()

    @property
    def log(self) -> list[AuditEntry]:
        """Entries of the log of record so far."""
        return self.output.entries

    @property
    def cash(self) -> int:
        return self.account.cash_cents

    @property
    def reserved(self) -> int:
        return self.account.reserved_cents

    def holds(self, symbol: str = "ABC") -> tuple[int, int]:
        """Returns shares: available, reserved."""
        position = self.account.position(symbol)
        return position.shares, position.reserved_shares

    def trigger(self, side: Side, symbol: str = "ABC"):
        """Returns the trigger order's amount, price and reserve, or None if there is none."""
        order = self.account.triggers.get((symbol, side))
        return order and (order.amount_cents, order.trigger_cents, order.reserved_cents or order.reserved_shares)


def armed_to_buy(amount: int = 1_000, trigger: int = 300, cash: int = 1_500) -> Trader:
    """Makes a user with an armed SET_BUY of ABC."""
    trader = Trader(cash=cash)
    trader.does("SET_BUY_AMOUNT", amount)
    trader.does("SET_BUY_TRIGGER", trigger)
    return trader


def armed_to_sell(amount: int = 1_000, trigger: int = 300, shares: int = 10) -> Trader:
    """Makes a user with an armed SET_SELL of ABC."""
    trader = Trader(cash=0, shares={"ABC": shares})
    trader.does("SET_SELL_AMOUNT", amount)
    trader.does("SET_SELL_TRIGGER", trigger)
    return trader


def armed(side: Side) -> Trader:
    return armed_to_buy() if side is Side.BUY else armed_to_sell()
