"""The engine against a naive reading of spec §3: outcome, reason and the whole state are equal after every step."""

from hypothesis.stateful import invariant

from schema.outcomes import Outcome
from tests.builders import Trader
from tests.property.lives import LIVES, Lives
from tests.property.model import LIFETIME_MS, Model


def state_of(trader: Trader) -> dict | None:
    """Returns the engine's account in the form of the model's."""
    account = trader.account
    if not account.opened:
        assert (account.cash_cents, account.reserved_cents, account.positions, account.triggers) == (0, 0, {}, {})
        return None
    held = {symbol: (p.shares, p.reserved_shares) for symbol, p in account.positions.items()}
    return {
        "cash": (account.cash_cents, account.reserved_cents),
        "shares": {symbol: shares for symbol, shares in held.items() if shares != (0, 0)},
        "pending": [
            (order.side, order.symbol, order.shares, order.price_cents, order.expires_at_ms - LIFETIME_MS, order.seq)
            for order in sorted((*account.buys, *account.sells), key=lambda order: order.seq)
        ],
        "triggers": {
            (side, symbol): (order.amount_cents, order.trigger_cents, order.reserved_cents + order.reserved_shares)
            for (symbol, side), order in account.triggers.items()
        },
    }


class EngineAgainstModel(Lives):
    def __init__(self) -> None:
        self.model = Model()
        self.settings: dict[tuple, int] = {}
        """Number of the model's state of a trigger order, by user, side, symbol and the engine's version."""
        super().__init__()

    def on_command(self, decision, user, amount, symbol, price, **beyond):
        trader = self.traders[user]
        seq = trader.account.history_seq
        reason = self.model.do(decision.command.value, user, symbol, amount, price, trader.now_ms, seq, **beyond)
        assert decision.reason == reason
        assert decision.newest_order_seq == self.model.newest_instead
        if "shares" in beyond and reason is None:
            assert decision.amount_cents == beyond["shares"] * price
        assert (decision.outcome is Outcome.DONE) is (reason is None)
        if decision.outcome is Outcome.DONE and decision.trigger_order is not None:
            order = decision.trigger_order
            setting = self.model.accounts[user]["triggers"][order.side, symbol]["setting"]
            self.settings[user, order.side, symbol, order.version] = setting

    def on_expiries(self, decisions, user):
        expired = self.model.expire(user, self.traders[user].now_ms) if user in self.model.accounts else []
        assert [(d.closed.side, d.closed.symbol, d.closed.shares) for d in decisions] == [
            (order["side"], order["symbol"], order["shares"]) for order in expired
        ]

    def on_fill(self, decision, seen, price, age_ms):
        setting = self.settings[seen]
        fires = self.model.fill(seen.side, seen.user, seen.symbol, setting, price, age_ms)
        assert (decision is not None) is fires

    @invariant()
    def states_agree(self):
        for user, trader in self.traders.items():
            assert state_of(trader) == self.model.state(user), user


TestEngineAgainstModel = EngineAgainstModel.TestCase
TestEngineAgainstModel.settings = LIVES
