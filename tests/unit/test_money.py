"""Money is whole cents in 64 bits, and decimal text of one form only (spec §1)."""

import pytest

from schema.errors import MalformedMoney
from schema.money import BALANCE_MAX, CENTS_MAX, format_cents, parse_cents, whole_shares

ARABIC_TWELVE, FULL_WIDTH_ONE, MINUS_SIGN = "\u0661\u0662", "\uff11", "\u2212"


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("0", 0),
        ("12", 1_200),
        ("12.3", 1_230),
        ("12.34", 1_234),
        ("0.01", 1),
        ("007.50", 750),
        ("+12.34", 1_234),
        ("-12.34", -1_234),
        ("-0", 0),
        ("92233720368547758.07", CENTS_MAX),
    ],
)
def test_an_optional_sign_digits_and_at_most_two_fraction_digits_are_money(text, cents):
    assert parse_cents(text) == cents


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "+", "-", ".", "12.", ".5", "12.345", "1,000", "1 000", " 12", "12 ", "12\n", "1_000"),
        *("NaN", "nan", "inf", "-Infinity", "1e3", "1E3", "0x10", "$5", "5$", "--5", "+-5", "1.2.3", "5-", "12.-3"),
        *(ARABIC_TWELVE, FULL_WIDTH_ONE, MINUS_SIGN + "5", "1\u00a0000", "12\u066b34", "5\0"),
    ],
)
def test_anything_else_is_malformed(text):
    with pytest.raises(MalformedMoney):
        parse_cents(text)


@pytest.mark.parametrize("text", ["92233720368547758.08", "-92233720368547758.09", "9" * 30, "9" * 5_000])
def test_amounts_beyond_64_bits_are_malformed(text):
    with pytest.raises(MalformedMoney):
        parse_cents(text)


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "0.00"), (5, "0.05"), (1_234, "12.34"), (-5, "-0.05"), (BALANCE_MAX, "46116860184273879.04")],
)
def test_money_is_written_with_two_decimals_and_no_exponent(cents, text):
    assert format_cents(cents) == text
    assert parse_cents(text) == cents


@pytest.mark.parametrize(("amount", "price", "shares"), [(999, 1_000, 0), (1_000, 1_000, 1), (2_999, 1_000, 2)])
def test_dollars_become_whole_shares_by_rounding_down(amount, price, shares):
    assert whole_shares(amount, price) == shares


def test_whole_shares_are_exact_where_a_float_is_not():
    assert whole_shares(CENTS_MAX, 1) == CENTS_MAX
    assert whole_shares(CENTS_MAX - 1, CENTS_MAX) == 0


def test_no_balance_may_pass_two_to_the_62nd():
    assert BALANCE_MAX == 2**62
