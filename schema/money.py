"""Money: whole cents in signed 64-bit integers, and its text form. Never a float, anywhere (spec §1)."""

import re

from schema.errors import MalformedMoney

BALANCE_MAX = 2**62
"""Maximum balance (spec §1), in cents of cash and in shares of a symbol. What is reserved counts too."""

CENTS_MAX = 2**63 - 1
_DECIMAL = re.compile(r"([+-]?)([0-9]{1,30})(?:\.([0-9]{1,2}))?")


def parse_cents(text: str) -> int:
    """Cents from decimal text: optional sign, digits, at most two fraction digits (spec §1).

    Raises MalformedMoney for any other text, and for an amount that does not fit 64 bits.
    """
    match = _DECIMAL.fullmatch(text)
    if match is None:
        raise MalformedMoney(f"not an amount of money: {text!r}")
    sign, whole, fraction = match.groups()
    cents = int(whole) * 100 + (int(fraction.ljust(2, "0")) if fraction else 0)
    if cents > CENTS_MAX:
        raise MalformedMoney(f"amount does not fit: {text!r}")
    return -cents if sign == "-" else cents


def format_cents(cents: int) -> str:
    """Dollars with exactly two decimals, no exponent (spec §6)."""
    sign = "-" if cents < 0 else ""
    whole, fraction = divmod(abs(cents), 100)
    return f"{sign}{whole}.{fraction:02d}"


def whole_shares(amount_cents: int, price_cents: int) -> int:
    """Number of whole shares that an amount buys: floor(amount / price). The remainder never moves (spec §1)."""
    assert price_cents > 0, price_cents
    return amount_cents // price_cents
