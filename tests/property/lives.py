"""Random commands, waits, expiries and fills of three users, run through the engine. Each test says what must hold.

Amounts and prices are small and symbols few, so that limits are reached often. Some amounts are near the balance limit.
"""

from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from consumers.transactions.account import Decision
from schema.commands import Allowances, CommandName
from schema.money import BALANCE_MAX
from schema.outcomes import Outcome, Side
from tests.builders import Trader
from tests.fuzz.runs import runs

USERS = ("ann", "bob", "new")

STEPS_PER_LIFE = 60

LIVES = settings(max_examples=runs(200, STEPS_PER_LIFE), stateful_step_count=STEPS_PER_LIFE)
"""Many examples, as a step takes half a millisecond."""

a_user = st.sampled_from(["ann", "ann", "bob", "bob", "new"])
a_symbol = st.sampled_from(("A", "B"))
an_amount = st.integers(1, 40)
past_the_limit = st.integers(-20, 5)
a_price = st.integers(1, 15)
a_side = st.sampled_from(Side)
some_shares = st.integers(1, 4) | st.integers(2**62 // 130, 2**62)
a_price_of_shares = st.sampled_from([1, 100, 101, 102, 130])
a_verb = st.sampled_from(["COMMIT", "COMMIT", "CANCEL"])
a_while = st.sampled_from([0, 1, 999, 29_999, 30_000, 59_999, 60_000, 60_001])
a_step_back = st.sampled_from([-1, -2_000, -2_001, -30_000, -60_001, -3_600_000])
a_trade = st.sampled_from(["BUY", "SELL"])
a_closing = st.sampled_from(["COMMIT_BUY", "CANCEL_BUY", "COMMIT_SELL", "CANCEL_SELL"])
a_setting = st.sampled_from(["SET_BUY_AMOUNT", "SET_BUY_TRIGGER", "SET_SELL_AMOUNT", "SET_SELL_TRIGGER"])
another = st.sampled_from(["QUOTE", "DISPLAY_SUMMARY", "CANCEL_SET_BUY", "CANCEL_SET_SELL"])


class Seen(NamedTuple):
    """Earlier state of a trigger order, for a fill that comes late."""

    user: str
    side: Side
    symbol: str
    version: int


class Lives(RuleBasedStateMachine):
    """Ann and Bob begin with cash and shares, the third user with nothing. A test overrides the hooks that it needs."""

    def __init__(self) -> None:
        super().__init__()
        self.traders = {user: Trader(cash=None, user=user) for user in USERS}
        self.seen: list[Seen] = []
        for user in ("ann", "bob"):
            self.gives(user, "ADD", 100)
            self.gives(user, "BUY", 30, "A", 2)
            self.gives(user, "COMMIT_BUY")

    # Hooks for a test: each runs after the decision took effect.

    def on_command(
        self, decision: Decision, user: str, amount: int, symbol: str, price: int | None, **beyond: int
    ) -> None: ...

    def on_expiries(self, decisions: list[Decision], user: str) -> None: ...

    def on_fill(self, decision: Decision | None, seen: Seen, price: int, age_ms: int) -> None: ...

    # Events.

    def gives(
        self, user: str, name: str, amount: int = 1, symbol: str = "A", price: int | None = None, **beyond: int
    ) -> None:
        """Gives a command. `beyond`: `shares`, `order` or `armed_max`, which workload files cannot express."""
        self._release(user)
        trader = self.traders[user]
        named = {name: value for name, value in beyond.items() if name != "armed_max"}
        if "armed_max" in beyond:
            named["allowances"] = Allowances(beyond["armed_max"], paid_quotes_max=0)
        decision = trader.gives(CommandName(name), amount, symbol, price, **named)
        self.on_command(decision, user, amount, symbol, price, **beyond)
        if decision.outcome is Outcome.DONE and decision.trigger_order is not None:
            order = decision.trigger_order
            self.seen.append(Seen(user, order.side, symbol, order.version))

    def waits(self, ms: int) -> None:
        for trader in self.traders.values():
            trader.waits(ms)

    def _release(self, user: str) -> None:
        trader = self.traders[user]
        trader.expired.clear()
        trader.expire()
        self.on_expiries(trader.expired, user)

    @rule(user=a_user, amount=an_amount)
    def adds(self, user, amount):
        self.gives(user, "ADD", amount)

    @rule(user=a_user, past=past_the_limit)
    def adds_a_fortune(self, user, past):
        """Adds cash up to a little below the balance limit, or above it."""
        trader = self.traders[user]
        self.gives(user, "ADD", max(1, BALANCE_MAX - trader.cash - trader.reserved + past))

    @rule(user=a_user, name=a_trade, amount=an_amount, symbol=a_symbol, price=a_price)
    def trades(self, user, name, amount, symbol, price):
        self.gives(user, name, amount, symbol, price)

    @rule(user=a_user, amount=st.integers(100, 400))
    def adds_enough_for_orders_by_shares(self, user, amount):
        self.gives(user, "ADD", amount)

    @rule(user=a_user, name=a_trade, shares=some_shares, symbol=a_symbol, price=st.none() | a_price_of_shares)
    def trades_by_shares(self, user, name, shares, symbol, price):
        self.gives(user, name, symbol=symbol, price=price, shares=shares)

    @rule(user=a_user, name=a_closing, back=st.integers(0, 3))
    def closes_a_named_order(self, user, name, back):
        """Names the newest order, an earlier one, or a row that is no order."""
        account = self.traders[user].account
        seqs = sorted([order.seq for order in (*account.buys, *account.sells)], reverse=True)
        self.gives(user, name, order=seqs[back] if back < len(seqs) else back + 1)

    @rule(user=a_user, side=a_side, trigger=a_price, symbol=a_symbol, armed_max=st.integers(0, 2))
    def arms_within_an_allowance(self, user, side, trigger, symbol, armed_max):
        self.gives(user, f"SET_{side.upper()}_AMOUNT", 15, symbol)
        self.gives(user, f"SET_{side.upper()}_TRIGGER", trigger, symbol, armed_max=armed_max)

    @rule(user=a_user, name=a_trade, amount=an_amount, symbol=a_symbol)
    def trades_without_a_quote(self, user, name, amount, symbol):
        self.gives(user, name, amount, symbol, None)

    @rule(user=a_user, name=a_trade, amount=an_amount, symbol=a_symbol, price=a_price, verb=a_verb, ms=a_while)
    def trades_and_closes(self, user, name, amount, symbol, price, verb, ms):
        self.gives(user, name, amount, symbol, price)
        self.waits(ms)
        self.gives(user, f"{verb}_{name}")

    @rule(user=a_user, name=a_closing)
    def closes(self, user, name):
        self.gives(user, name)

    @rule(user=a_user, name=a_setting, amount=an_amount, symbol=a_symbol)
    def sets(self, user, name, amount, symbol):
        self.gives(user, name, amount, symbol)

    @rule(user=a_user, side=a_side, amount=an_amount, trigger=a_price, symbol=a_symbol)
    def arms(self, user, side, amount, trigger, symbol):
        self.gives(user, f"SET_{side.upper()}_AMOUNT", amount, symbol)
        self.gives(user, f"SET_{side.upper()}_TRIGGER", trigger, symbol)

    @rule(user=a_user, name=another, symbol=a_symbol, price=st.none() | a_price)
    def does_something_else(self, user, name, symbol, price):
        self.gives(user, name, 1, symbol, price)

    @rule(ms=a_while)
    def time_passes(self, ms):
        self.waits(ms)

    @rule(ms=a_step_back)
    def clock_is_set_back(self, ms):
        self.waits(ms)

    @rule(user=a_user, name=a_trade, amount=an_amount, symbol=a_symbol, price=a_price, verb=a_verb, ms=a_step_back)
    def trades_and_closes_after_the_clock_was_set_back(self, user, name, amount, symbol, price, verb, ms):
        self.trades_and_closes(user, name, amount, symbol, price, verb, ms)

    @rule(user=a_user)
    def is_released(self, user):
        self._release(user)

    @rule(back=st.sampled_from([1, 1, 1, 2, 3]), price=a_price, age_ms=st.sampled_from([0, 0, 59_999, 60_000]))
    def is_filled(self, back, price, age_ms):
        """Fills the newest state of a trigger order, or an older one."""
        if len(self.seen) >= back:
            seen = self.seen[-back]
            trader = self.traders[seen.user]
            decision = trader.fills(price, seen.version, seen.side, trader.now_ms - age_ms, seen.symbol)
            self.on_fill(decision, seen, price, age_ms)
