"""A trigger order fires at most once, at a price that satisfies it. If a usable quote satisfies it, it fires.

The test interleaves at random: arming, arming again, cancelling, prices, fills not executed yet, expiry, restarts
and takeovers.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from schema.events import CLOCK_STEP_MS_MAX, QUOTE_LIFETIME_MS
from schema.outcomes import Side
from tests.property.trigger_world import SYMBOLS, TriggerWorld, fills_at

USERS = ("ann", "bob", "eve")

a_user = st.sampled_from(USERS)
a_symbol = st.sampled_from(SYMBOLS)
a_side = st.sampled_from(Side)
an_amount = st.integers(1, 30)
a_price = st.integers(1, 15)
a_worker = st.sampled_from((0, 1))


class TriggersFireOnce(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = TriggerWorld(USERS)
        self.model: dict[tuple, int | None] = {}
        """Trigger price of each trigger order that exists, by user, symbol and side; None if it is not armed."""

    @rule(user=a_user, symbol=a_symbol, side=a_side, amount=an_amount)
    def sets_an_amount(self, user, symbol, side, amount):
        if self.world.command(user, f"SET_{side.upper()}_AMOUNT", amount, symbol):
            self.model.setdefault((user, symbol, side), None)

    @rule(user=a_user, symbol=a_symbol, side=a_side, price=a_price)
    def sets_a_trigger(self, user, symbol, side, price):
        if self.world.command(user, f"SET_{side.upper()}_TRIGGER", price, symbol):
            self.model[user, symbol, side] = price

    @rule(user=a_user, symbol=a_symbol, side=a_side, amount=an_amount, price=a_price)
    def arms(self, user, symbol, side, amount, price):
        self.sets_an_amount(user, symbol, side, amount)
        self.sets_a_trigger(user, symbol, side, price)

    @rule(user=a_user, symbol=a_symbol, side=a_side)
    def cancels(self, user, symbol, side):
        if self.world.command(user, f"CANCEL_SET_{side.upper()}", 1, symbol):
            del self.model[user, symbol, side]

    @rule(user=a_user, again=st.sampled_from((0, 0, 1, 3)))
    def is_announced(self, user, again):
        """Announces changes. `again`: how many earlier ones a new owner repeats, because the last one died."""
        self.world.announce(user, again)

    @rule(symbol=a_symbol, price=a_price)
    def price_arrives(self, symbol, price):
        self.world.announce_price(symbol, price)

    @rule(symbol=a_symbol)
    def no_price_is_available(self, symbol):
        self.world.fail(symbol)

    @rule(n=a_worker)
    def worker_takes_a_turn(self, n):
        self.world.turn(n)

    @rule(n=a_worker)
    def worker_dies_before_sending(self, n):
        self.world.turn(n, lost=True)

    @rule(n=a_worker)
    def worker_restarts(self, n):
        self.world.restart(n)

    @rule(symbol=a_symbol, n=a_worker)
    def symbol_changes_hands(self, symbol, n):
        """The previous owner does not know this yet, and goes on until it notices."""
        if self.world.owner[symbol] != n:
            self.world.take_over(n, symbol)

    @rule(n=a_worker)
    def worker_notices_what_it_lost(self, n):
        self.world.notice(n)

    @rule(ms=st.sampled_from((1, 1_000, 30_000, 59_999, 60_000)) | st.sampled_from((-1_000, -30_000, -3_600_000)))
    def time_passes(self, ms):
        """Lets time pass, or sets the clocks back."""
        self.world.now_ms += ms

    @rule(user=a_user)
    def owner_runs_a_fill(self, user):
        if self.world.log[user]:
            self.judge(*self.world.run_fill(user))

    def judge(self, fill, order, decision) -> None:
        """A fill takes effect only for an existing order, at a price that satisfies it, by an unexpired quote."""
        is_alive = -CLOCK_STEP_MS_MAX <= self.world.now_ms - fill.asked_at_ms < QUOTE_LIFETIME_MS
        is_current = order is not None and order.version == fill.version
        assert (decision is not None) == (is_alive and is_current), "void for another reason, or not void"
        if decision is None:
            return
        key = (fill.user, fill.symbol, fill.side)
        assert order is not None and order.trigger_cents == self.model[key], (fill, order)
        assert fills_at(order, fill.price_cents), (fill, order)
        assert decision.price_cents == fill.price_cents
        del self.model[key]

    def teardown(self):
        self.rest(price=7)
        for price in (1, 1_000):  # a price that all buys wait for, then one that all sells wait for
            # No quote lives longer than this, whatever the clock was when it was bought.
            newest_ms = max([self.world.now_ms, *(quote.asked_at_ms for quote in self.world.quotes.values())])
            self.world.now_ms = newest_ms + QUOTE_LIFETIME_MS + CLOCK_STEP_MS_MAX
            self.rest(price)
            assert not any(fills_at(order, price) for symbol in SYMBOLS for _, order in self.world.armed(symbol))
        assert not [key for key, trigger in self.model.items() if trigger is not None and key[2] is Side.BUY]

    def rest(self, price: int) -> None:
        """Checks the state after everything has arrived.

        No order is left that its symbol's quote fills. Every symbol has a quote if it has an armed order that some
        price can fill.
        """
        for outcome in self.world.come_to_rest(price):
            self.judge(*outcome)
        for n, worker in enumerate(self.world.workers):
            armed = [order for symbol in SYMBOLS if self.world.owner[symbol] == n for order in self.world.armed(symbol)]
            assert worker.turns.armed == len(armed), "it has lost an order, or watches one that does not exist"
        for symbol in SYMBOLS:
            quote = self.world.usable(symbol)
            for user, order in self.world.armed(symbol):
                assert order.trigger_cents == self.model[user, symbol, order.side]
                needs_price = order.side is Side.BUY or order.reserved_shares > 0
                assert quote is not None or self.pauses(symbol) or not needs_price, f"{symbol} has no price"
                assert quote is None or not fills_at(order, quote.price_cents), (user, order, quote)

    def pauses(self, symbol: str) -> bool:
        """Whether the worker waits before it requests the symbol again: each attempt is paid."""
        due_ms = self.world.workers[self.world.owner[symbol]].turns.next_refresh_ms
        return due_ms is not None and due_ms > self.world.now_ms


TestTriggersFireOnce = TriggersFireOnce.TestCase
TestTriggersFireOnce.settings = settings(max_examples=300, stateful_step_count=50)
