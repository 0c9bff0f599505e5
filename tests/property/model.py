"""Naive implementation of spec §3, written from its text, to compare the engine with. Never imports code under test.

It keeps totals and orders only, and recomputes from them each time what is reserved and what is available.
"""

BALANCE_MAX = 2**62
LIFETIME_MS = 60_000
CLOCKS_APART_MS_MAX = 2_000
PENDING_MAX = 1_000
TRIGGERS_MAX = 1_000
LEAST_PRICE = 101


class Rejected(Exception):
    """Rejection with its reason; raised before anything changes."""


class Model:
    """Accounts as dicts: {user: {cash, shares: {symbol: n}, pending: [order], triggers: {(side, symbol): order}}}."""

    def __init__(self):
        self.accounts: dict[str, dict] = {}
        self.settings = 0

    # Cash and shares as in the tables of spec §3: without what is reserved.

    def cash(self, user):
        account = self.accounts[user]
        return account["cash"] - self.reserved_cash(user)

    def reserved_cash(self, user):
        account = self.accounts[user]
        pending = sum(order["shares"] * order["price"] for order in account["pending"] if order["side"] == "buy")
        return pending + sum(order["amount"] for (side, _), order in account["triggers"].items() if side == "buy")

    def held(self, user, symbol):
        return self.accounts[user]["shares"].get(symbol, 0)

    def reserved_shares(self, user, symbol):
        account = self.accounts[user]
        pending = (o["shares"] for o in account["pending"] if o["side"] == "sell" and o["symbol"] == symbol)
        return sum(pending) + self.trigger_shares(account["triggers"].get(("sell", symbol)))

    def shares(self, user, symbol):
        return self.held(user, symbol) - self.reserved_shares(user, symbol)

    @staticmethod
    def trigger_shares(order):
        return 0 if order is None or order["trigger"] is None else order["amount"] // order["trigger"]

    def state(self, user):
        """Returns everything about a user for comparison, or None without an account."""
        if user not in self.accounts:
            return None
        account = self.accounts[user]
        symbols = [symbol for symbol, count in account["shares"].items() if count]
        return {
            "cash": (self.cash(user), self.reserved_cash(user)),
            "shares": {symbol: (self.shares(user, symbol), self.reserved_shares(user, symbol)) for symbol in symbols},
            "pending": [tuple(order.values()) for order in account["pending"]],
            "triggers": {
                key: (
                    order["amount"],
                    order["trigger"],
                    order["amount"] if key[0] == "buy" else self.trigger_shares(order),
                )
                for key, order in account["triggers"].items()
            },
        }

    # Commands, one method each, named as in the table of spec §3. `price` is None if no quote is available.

    def do(self, name, user, symbol, amount, price, now_ms, seq, shares=None, order=None, armed_max=None):
        """Returns the reason of a rejection, or None. `seq`: number of the command's history row.

        `shares`, `order`, `armed_max`: arguments that the site can send and workload files cannot express (spec §3a).
        """
        self.seq, self.order, self.armed_max = seq, order, armed_max
        self.newest_instead = None
        try:
            if shares is None:
                getattr(self, name)(user, symbol, amount, price, now_ms)
            else:
                getattr(self, f"{name}_shares")(user, symbol, shares, price, now_ms)
        except Rejected as rejection:
            return str(rejection)
        return None

    def ADD(self, user, _symbol, amount, _price, _now_ms):
        account = self.accounts.get(user, {"cash": 0, "shares": {}, "pending": [], "triggers": {}})
        _reject_if(account["cash"] + amount > BALANCE_MAX, "balance_limit")
        account["cash"] += amount
        self.accounts[user] = account

    def QUOTE(self, _user, _symbol, _amount, price, _now_ms):
        _reject_if(price is None, "no_quote")

    def BUY(self, user, symbol, amount, price, now_ms):
        self._needs_account(user)
        _reject_if(self.cash(user) < amount, "too_little_cash")
        _reject_if(price is None, "no_quote")
        _reject_if(amount < price, "amount_below_one_share")
        self._push("buy", user, symbol, amount // price, price, now_ms)

    def SELL(self, user, symbol, amount, price, now_ms):
        self._needs_account(user)
        _reject_if(self.shares(user, symbol) == 0, "no_shares")
        _reject_if(price is None, "no_quote")
        _reject_if(amount < price, "amount_below_one_share")
        _reject_if(self.shares(user, symbol) < amount // price, "too_few_shares")
        self._push("sell", user, symbol, amount // price, price, now_ms)

    def BUY_shares(self, user, symbol, shares, price, now_ms):
        self._needs_account(user)
        _reject_if(self.cash(user) < shares * LEAST_PRICE, "too_little_cash")
        _reject_if(price is None, "no_quote")
        _reject_if(self.cash(user) < shares * price, "too_little_cash")
        self._push("buy", user, symbol, shares, price, now_ms)

    def SELL_shares(self, user, symbol, shares, price, now_ms):
        self._needs_account(user)
        _reject_if(self.shares(user, symbol) < shares, "too_few_shares")
        _reject_if(price is None, "no_quote")
        self._check_room_for_one_more(user)
        _reject_if(shares * price > BALANCE_MAX, "balance_limit")
        self._push("sell", user, symbol, shares, price, now_ms)

    def COMMIT_BUY(self, user, _symbol, _amount, _price, now_ms):
        order = self._newest("buy", user, now_ms)
        self._bought(user, order["symbol"], order["shares"], order["price"])
        self._pop(user, order)

    def COMMIT_SELL(self, user, _symbol, _amount, _price, now_ms):
        order = self._newest("sell", user, now_ms)
        self._sold(user, order["symbol"], order["shares"], order["price"])
        self._pop(user, order)

    def CANCEL_BUY(self, user, _symbol, _amount, _price, now_ms):
        order = self._newest("buy", user, now_ms)
        self._pop(user, order)

    def CANCEL_SELL(self, user, _symbol, _amount, _price, now_ms):
        order = self._newest("sell", user, now_ms)
        self._pop(user, order)

    def SET_BUY_AMOUNT(self, user, symbol, amount, _price, _now_ms):
        self._needs_account(user)
        order = self.accounts[user]["triggers"].get(("buy", symbol))
        self._check_room_for_a_trigger(user, order)
        _reject_if(self.cash(user) + (order["amount"] if order else 0) < amount, "too_little_cash")
        self._set("buy", user, symbol, amount, order["trigger"] if order else None)

    def SET_BUY_TRIGGER(self, user, symbol, trigger, _price, _now_ms):
        order = self._trigger("buy", user, symbol)
        _reject_if(order is None, "no_buy_amount")
        self._check_allowance(user, order)
        self._set("buy", user, symbol, order["amount"], trigger)

    def CANCEL_SET_BUY(self, user, symbol, _amount, _price, _now_ms):
        _reject_if(self._trigger("buy", user, symbol) is None, "no_trigger_order")
        del self.accounts[user]["triggers"]["buy", symbol]

    def SET_SELL_AMOUNT(self, user, symbol, amount, _price, _now_ms):
        self._needs_account(user)
        order = self._trigger("sell", user, symbol)
        self._check_room_for_a_trigger(user, order)
        _reject_if(self.held(user, symbol) == 0, "no_shares")
        trigger = order["trigger"] if order else None
        if trigger is not None:
            room = self.shares(user, symbol) + self.trigger_shares(order)
            _reject_if(room < amount // trigger, "too_few_shares")
        self._set("sell", user, symbol, amount, trigger)

    def SET_SELL_TRIGGER(self, user, symbol, trigger, _price, _now_ms):
        order = self._trigger("sell", user, symbol)
        _reject_if(order is None, "no_sell_amount")
        _reject_if(order["amount"] < trigger, "amount_below_trigger")
        room = self.shares(user, symbol) + self.trigger_shares(order)
        _reject_if(room < order["amount"] // trigger, "too_few_shares")
        self._check_allowance(user, order)
        self._set("sell", user, symbol, order["amount"], trigger)

    def CANCEL_SET_SELL(self, user, symbol, _amount, _price, _now_ms):
        _reject_if(self._trigger("sell", user, symbol) is None, "no_trigger_order")
        del self.accounts[user]["triggers"]["sell", symbol]

    def DISPLAY_SUMMARY(self, user, _symbol, _amount, _price, _now_ms):
        self._needs_account(user)

    # Effects without a command: fills and expiries.

    def fill(self, side, user, symbol, setting, price, age_ms):
        """Whether the trigger order fires at a quote of this price and age. `setting`: number of the order's state."""
        order = self._trigger(side, user, symbol)
        if order is None or order["setting"] != setting or order["trigger"] is None:
            return False
        if age_ms >= LIFETIME_MS:  # spec §1: a quote is usable for 60 s
            return False
        if price > order["trigger"] if side == "buy" else price < order["trigger"]:
            return False
        shares = order["amount"] // price if side == "buy" else self.trigger_shares(order)
        if shares == 0:
            return False
        try:
            (self._bought if side == "buy" else self._sold)(user, symbol, shares, price)
        except Rejected:  # spec §1: no balance may pass its limit
            return False
        del self.accounts[user]["triggers"][side, symbol]
        return True

    def expire(self, user, now_ms):
        """Releases a user's pending orders that are due; returns them, oldest first."""
        pending = self.accounts[user]["pending"]
        old = [order for order in pending if not _is_young(order, now_ms)]
        self.accounts[user]["pending"] = [order for order in pending if _is_young(order, now_ms)]
        return sorted(old, key=lambda order: order["at_ms"])

    def _needs_account(self, user):
        _reject_if(user not in self.accounts, "no_account")

    def _trigger(self, side, user, symbol):
        return self.accounts[user]["triggers"].get((side, symbol)) if user in self.accounts else None

    def _set(self, side, user, symbol, amount, trigger):
        self.settings += 1
        self.accounts[user]["triggers"][side, symbol] = {"amount": amount, "trigger": trigger, "setting": self.settings}

    def _check_room_for_a_trigger(self, user, order):
        _reject_if(order is None and len(self.accounts[user]["triggers"]) >= TRIGGERS_MAX, "too_many_trigger_orders")

    def _check_allowance(self, user, order):
        if self.armed_max is not None and order["trigger"] is None:
            armed = sum(other["trigger"] is not None for other in self.accounts[user]["triggers"].values())
            _reject_if(armed >= self.armed_max, "trigger_allowance_used_up")

    def _check_room_for_one_more(self, user):
        _reject_if(len(self.accounts[user]["pending"]) >= PENDING_MAX, "too_many_pending")

    def _push(self, side, user, symbol, shares, price, now_ms):
        self._check_room_for_one_more(user)
        order = {"side": side, "symbol": symbol, "shares": shares, "price": price, "at_ms": now_ms, "seq": self.seq}
        self.accounts[user]["pending"].append(order)

    def _pop(self, user, popped):
        # Compares by identity, because orders may be equal.
        account = self.accounts[user]
        account["pending"] = [order for order in account["pending"] if order is not popped]

    def _newest(self, side, user, now_ms):
        pending = self.accounts[user]["pending"] if user in self.accounts else []
        young = [order for order in pending if order["side"] == side and _is_young(order, now_ms)]
        _reject_if(not young, f"no_pending_{side}")
        if self.order is not None and self.order != young[-1]["seq"]:
            self.newest_instead = young[-1]["seq"]
            raise Rejected("not_newest_order")
        return young[-1]

    def _bought(self, user, symbol, shares, price):
        account = self.accounts[user]
        _reject_if(self.held(user, symbol) + shares > BALANCE_MAX, "balance_limit")
        account["cash"] -= shares * price
        account["shares"][symbol] = self.held(user, symbol) + shares

    def _sold(self, user, symbol, shares, price):
        account = self.accounts[user]
        _reject_if(account["cash"] + shares * price > BALANCE_MAX, "balance_limit")
        account["cash"] += shares * price
        account["shares"][symbol] = self.held(user, symbol) - shares


def _is_young(order, now_ms):
    return -CLOCKS_APART_MS_MAX <= now_ms - order["at_ms"] < LIFETIME_MS


def _reject_if(condition, reason):
    if condition:
        raise Rejected(reason)
