"""The past of an account, of its worth and of prices, in pages: each names where the next one begins."""

import msgspec

from runtime.wall_clock import now_ms
from webapp.store import store

POINTS_MAX = 500


class AccountPoint(msgspec.Struct, frozen=True):
    """Cash of an account right after a row of its history."""

    seq: int
    at_ms: int
    cash_cents: int
    reserved_cents: int


class AccountHistory(msgspec.Struct, frozen=True):
    """Points of an account, the oldest first. `next_after`: `after` of the next page; null on the last one."""

    points: list[AccountPoint]
    next_after: int | None


class PortfolioPoint(msgspec.Struct, frozen=True):
    """Worth of an account at a time: cash, reserved cash, and all shares at the newest price known then."""

    at_ms: int
    cash_cents: int
    reserved_cents: int
    shares_worth_cents: int
    worth_cents: int


class PortfolioHistory(msgspec.Struct, frozen=True):
    """Points of an account's worth, the oldest first. `next_from_ms`: `from_ms` of the next page; null on the last."""

    points: list[PortfolioPoint]
    next_from_ms: int | None


class PaidPrice(msgspec.Struct, frozen=True):
    """A price that was paid for."""

    quote_id: int
    asked_at_ms: int
    price_cents: int


class PriceHistory(msgspec.Struct, frozen=True):
    """Prices of a symbol, the oldest first. `next_after`: `after` of the next page; null on the last one."""

    points: list[PaidPrice]
    next_after: str | None


def account_history(user: str, after: int = 0, size: int = POINTS_MAX) -> AccountHistory:
    """The account after each of `size` rows, from the one after row `after` on."""
    rows = store().rows(_ACCOUNT, user=user, after=after, limit=size + 1)
    points = [AccountPoint(*row) for row in rows[:size]]
    return AccountHistory(points, points[-1].seq if len(rows) > size else None)


def price_points(symbol: str, after: str | None = None, size: int = POINTS_MAX) -> PriceHistory:
    """Prices of a symbol after a cursor. A price whose answer is still under way is missing from its page."""
    asked_at_ms, quote_id = map(int, after.split("-")) if after else (-1, -1)
    rows = store().rows(_PRICES, symbol=symbol, asked_at_ms=asked_at_ms, quote_id=quote_id, limit=size + 1)
    points = [PaidPrice(*row) for row in rows[:size]]
    last = points[-1] if len(rows) > size else None
    return PriceHistory(points, f"{last.asked_at_ms}-{last.quote_id}" if last else None)


def portfolio_history(
    user: str, step_ms: int, from_ms: int | None = None, to_ms: int | None = None, size: int = POINTS_MAX
) -> PortfolioHistory:
    """The account's worth every `step_ms`, from its first row and up to now by default, at most `size` points."""
    begin_ms = store().only(_BEGINNING, user=user)[0] if from_ms is None else from_ms
    end_ms = now_ms() if to_ms is None else to_ms
    if begin_ms is None or begin_ms > end_ms:
        return PortfolioHistory([], None)
    whole = (end_ms - begin_ms) // step_ms + 1
    span = {
        "user": user,
        "begin_ms": begin_ms,
        "step_ms": step_ms,
        "last_ms": begin_ms + (min(whole, size) - 1) * step_ms,
    }
    changes: dict[int, list[tuple[str | None, int, int, int]]] = {}
    for bucket, *change in store().rows(_CHANGES, **span):
        changes.setdefault(bucket, []).append((change[0], change[1], change[2], change[3]))
    symbols = sorted({symbol for found in changes.values() for symbol, *_ in found if symbol is not None})
    prices: dict[int, list[tuple[str, int]]] = {}
    for bucket, symbol, price_cents in store().rows(_PRICES_THEN, symbols=symbols, **span) if symbols else ():
        prices.setdefault(bucket, []).append((symbol, price_cents))
    points = _points(min(whole, size), begin_ms, step_ms, changes, prices)
    return PortfolioHistory(points, begin_ms + size * step_ms if whole > size else None)


def _points(
    count: int,
    begin_ms: int,
    step_ms: int,
    changes: dict[int, list[tuple[str | None, int, int, int]]],
    prices: dict[int, list[tuple[str, int]]],
) -> list[PortfolioPoint]:
    """Adds up the changes of each step, and values the shares at the prices of that step or an earlier one."""
    cash = reserved = 0
    held: dict[str, int] = {}
    price: dict[str, int] = {}
    points = []
    for bucket in range(count):
        for symbol, cash_delta, reserved_delta, shares_delta in changes.get(bucket, ()):
            cash, reserved = cash + cash_delta, reserved + reserved_delta
            if symbol is not None:
                held[symbol] = held.get(symbol, 0) + shares_delta
        price.update(prices.get(bucket, ()))
        worth = sum(shares * price.get(symbol, 0) for symbol, shares in held.items())
        points.append(PortfolioPoint(begin_ms + bucket * step_ms, cash, reserved, worth, cash + reserved + worth))
    return points


_ACCOUNT = """
    SELECT seq, at_ms, CAST(before.cash + sum(cash_delta_cents) OVER (ORDER BY seq) AS bigint),
        CAST(before.reserved + sum(reserved_delta_cents) OVER (ORDER BY seq) AS bigint)
    FROM (SELECT * FROM history WHERE user_id = :user AND seq > :after ORDER BY seq LIMIT :limit) AS shown,
        (SELECT CAST(coalesce(sum(cash_delta_cents), 0) AS bigint) AS cash,
            CAST(coalesce(sum(reserved_delta_cents), 0) AS bigint) AS reserved
         FROM history WHERE user_id = :user AND seq <= :after) AS before
    ORDER BY seq"""

_PRICES = """
    SELECT quote_id, asked_at_ms, price_cents FROM quote_fetches
    WHERE symbol = :symbol AND price_cents IS NOT NULL AND asked_at_ms >= :asked_at_ms
      AND (asked_at_ms, quote_id) > (:asked_at_ms, :quote_id)
    ORDER BY asked_at_ms, quote_id LIMIT :limit"""

_BEGINNING = "SELECT min(at_ms) FROM history WHERE user_id = :user"

_BUCKET = "CAST(greatest(0, ceil(({at} - :begin_ms) / CAST(:step_ms AS numeric))) AS bigint)"
"""Number of the first point that a moment counts for; 0 for all that was before."""

_CHANGES = f"""
    SELECT {_BUCKET.format(at="at_ms")}, symbol, CAST(sum(cash_delta_cents) AS bigint),
        CAST(sum(reserved_delta_cents) AS bigint), CAST(sum(shares_delta + reserved_shares_delta) AS bigint)
    FROM history WHERE user_id = :user AND at_ms <= :last_ms AND outcome = 'done' GROUP BY 1, 2"""

_PRICES_THEN = f"""
    SELECT DISTINCT ON (symbol, bucket) bucket, symbol, price_cents FROM (
        SELECT {_BUCKET.format(at="asked_at_ms")} AS bucket, symbol, price_cents, asked_at_ms FROM quote_fetches
        WHERE symbol = ANY(CAST(:symbols AS text[])) AND asked_at_ms <= :last_ms AND price_cents IS NOT NULL) AS priced
    ORDER BY symbol, bucket, asked_at_ms DESC"""
