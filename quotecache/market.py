"""Model of the legacy quote server: how long an answer takes and how the price moves, as measured (spec §4).

Pure and seeded: the n-th answer for a symbol depends only on the seed, the symbol and n, not on requests for other
symbols. These prices are invented; the trading system computes none of its prices here.
"""

import base64
import bisect
import hashlib
import math
from dataclasses import dataclass
from statistics import NormalDist

PRICE_CENTS_MIN, PRICE_CENTS_MAX = 101, 499_900

WHOLE_SECONDS_UP_TO = (0.6575, 0.8150, 0.8983, 0.9575)
"""Fractions of the answers that take at most 0, 1, 2, 3 whole seconds; the rest take 4."""

NETWORK_MS_MIN, NETWORK_MS_MEDIAN, NETWORK_MS_MAX = 7.0, 9.0, 26.0

FACTOR_P5, FACTOR_MEDIAN, FACTOR_P95 = 0.45, 1.07, 1.90

FIRST_CENTS_MIN, FIRST_CENTS_MAX = 500, 50_000
"""Bounds of a symbol's first price in cents; an assumption, not measured."""

CRYPTOKEY_BYTES = 42
"""Bytes of a cryptokey; base64 makes 56 characters of them."""

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)
_SIGMA_DOWN = math.log(FACTOR_MEDIAN / FACTOR_P5) / _Z95
_SIGMA_UP = math.log(FACTOR_P95 / FACTOR_MEDIAN) / _Z95


@dataclass(frozen=True, slots=True)
class Draw:
    """The n-th answer for a symbol. `delay_seconds` is the time from the request to the answer."""

    price_cents: int
    delay_seconds: float
    cryptokey: str


class Market:
    """Each symbol's current price and number of hits. Memory is bounded by the number of possible symbols."""

    def __init__(self, seed: int):
        self._seed = seed
        self._prices: dict[str, int] = {}
        self.hits: dict[str, int] = {}

    def hit(self, symbol: str) -> Draw:
        """Draws the next answer for the symbol; every hit moves its price."""
        number = self.hits.get(symbol, 0) + 1
        self.hits[symbol] = number
        network, whole, factor, key = self._draws(symbol, number)
        before = self._prices.get(symbol) or self._first_price(symbol)
        price = min(max(int(before * price_factor(factor)), PRICE_CENTS_MIN), PRICE_CENTS_MAX)
        self._prices[symbol] = price
        delay = network_seconds(network) + whole_seconds(whole)
        return Draw(price, delay, base64.b64encode(key).decode())

    def _first_price(self, symbol: str) -> int:
        share = self._draws(symbol, 0)[0]
        return int(FIRST_CENTS_MIN * (FIRST_CENTS_MAX / FIRST_CENTS_MIN) ** share)

    def _draws(self, symbol: str, number: int) -> tuple[float, float, float, bytes]:
        """Derives three uniform numbers in (0, 1) and a key from a hash. Stateless: call order is irrelevant."""
        bits = hashlib.shake_256(f"{self._seed}:{symbol}:{number}".encode()).digest(24 + CRYPTOKEY_BYTES)
        network, whole, factor = (_uniform(bits[at : at + 8]) for at in (0, 8, 16))
        return network, whole, factor, bits[24:]


def whole_seconds(uniform: float) -> int:
    """Maps a uniform number to 0 to 4 whole seconds, distributed as measured."""
    return bisect.bisect_right(WHOLE_SECONDS_UP_TO, uniform)


def network_seconds(uniform: float) -> float:
    """Maps a uniform number to a network delay of 7 to 26 ms, half of them below 9, with a thin upper tail."""
    if uniform < 0.5:
        return (NETWORK_MS_MIN + (NETWORK_MS_MEDIAN - NETWORK_MS_MIN) * 2 * uniform) / 1_000
    return (NETWORK_MS_MEDIAN + (NETWORK_MS_MAX - NETWORK_MS_MEDIAN) * (2 * uniform - 1) ** 4) / 1_000


def price_factor(uniform: float) -> float:
    """Log-normal factor around the median; each side has its own width, so that p5 and p95 are as measured."""
    z = _NORMAL.inv_cdf(uniform)
    return FACTOR_MEDIAN * math.exp(z * (_SIGMA_UP if z > 0 else _SIGMA_DOWN))


def _uniform(eight_bytes: bytes) -> float:
    # 53 bits plus half a step: the result is never 0 or 1, where the inverse normal distribution is infinite.
    return ((int.from_bytes(eight_bytes, "big") >> 11) + 0.5) / 2**53
