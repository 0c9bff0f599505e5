"""Answers of the legacy quote server (spec §4): anything but exactly one answer is recognised, with its reason."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotecache.protocol import LINE_BYTES_MAX, PriceLine, parse_answer, request_line, require_price_within
from schema.errors import QuoteError

KEY = "IRrR7UeTO35kSWUgG0QJKmB35sL27FKM7AVhP5qpjCgmWQeXFJs35g=="
GOOD = f"265.78,ABC,jane,1507094283184,{KEY}\n"


def parsed(text: str | bytes) -> PriceLine:
    return parse_answer(text if isinstance(text, bytes) else text.encode(), "ABC", "jane")


def test_the_request_is_symbol_and_user():
    assert request_line("ABC", "jane") == b"ABC,jane\n"


def test_a_good_answer_is_read_exactly():
    assert parsed(GOOD) == PriceLine(26_578, 1_507_094_283_184, KEY)


@pytest.mark.parametrize(("text", "cents"), [("1.01", 101), ("4999.00", 499_900), ("12", 1_200), ("12.5", 1_250)])
def test_prices_are_whole_cents(text, cents):
    assert parsed(f"{text},ABC,jane,1,k\n").price_cents == cents


@pytest.mark.parametrize(("text", "is_within"), [("1.01", True), ("4999.00", True), ("1.00", False), ("0.01", False),
                                                 ("4999.01", False), ("92233720368547758.07", False)])  # fmt: skip
def test_a_price_that_the_server_never_gives_is_no_answer(text, is_within):
    line = parsed(f"{text},ABC,jane,1,k\n")
    if is_within:
        assert require_price_within(line, (101, 499_900)) is line
    else:
        with pytest.raises(QuoteError, match=r"is outside of 1\.01 to 4999\.00"):
            require_price_within(line, (101, 499_900))


@pytest.mark.parametrize("key", ["a", "a=b==", "with space ", "  ", "~!@#"])
def test_the_cryptokey_is_kept_as_it_came(key):
    assert parsed(f"1.01,ABC,jane,1,{key}\n").cryptokey == key


def test_a_carriage_return_belongs_to_the_newline():
    assert parsed(f"1.01,ABC,jane,1,{KEY}\r\n").cryptokey == KEY


@pytest.mark.parametrize(
    ("received", "reason"),
    [
        ("", "without an answer"),
        (GOOD[:-1], "half a line"),
        (GOOD[:20], "half a line"),
        (GOOD + GOOD, "more than one line"),
        ("\n", "1 fields"),
        ("hello\n", "1 fields"),
        ("<html>,,,\n", "4 fields"),
        (GOOD.replace("\n", ",x\n"), "6 fields"),
        (GOOD.replace("ABC", "ABD"), "symbol 'ABD'"),
        (GOOD.replace("ABC", "abc"), "symbol 'abc'"),
        (GOOD.replace("jane", "john"), "user 'john'"),
        (GOOD.replace("jane", ""), "user ''"),
        (GOOD.replace("265.78", "-265.78"), "not a price"),
        (GOOD.replace("265.78", "+265.78"), "not a price"),
        (GOOD.replace("265.78", ""), "not a price"),
        (GOOD.replace("265.78", "0.00"), "not a price"),
        (GOOD.replace("265.78", "265.780"), "not a price"),
        (GOOD.replace("265.78", "NaN"), "not a price"),
        (GOOD.replace("265.78", "1e3"), "not a price"),
        (GOOD.replace("265.78", "٣.٠٠"), "not a price"),
        (GOOD.replace("265.78", " 265.78"), "not a price"),
        (GOOD.replace("265.78", "9" * 25), "not a price"),
        (GOOD.replace("1507094283184", "yesterday"), "not a timestamp"),
        (GOOD.replace("1507094283184", "-1"), "not a timestamp"),
        (GOOD.replace("1507094283184", "9" * 19), "not a timestamp"),
        (GOOD.replace(KEY, ""), "not a cryptokey"),
        (GOOD.replace(KEY, "a\0b"), "not a cryptokey"),
        (GOOD.replace(KEY, "schlüssel"), "not a cryptokey"),
        (b"\xff\xfe" + GOOD.encode(), "not UTF-8"),
        ("x" * (LINE_BYTES_MAX + 1), "more than"),
        (GOOD.replace(KEY, "k" * LINE_BYTES_MAX), "more than"),
    ],
)
def test_a_bad_answer_is_refused_with_its_reason(received, reason):
    with pytest.raises(QuoteError, match=reason.replace("+", r"\+")):
        parsed(received)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer_or_a_quote_error(received):
    with contextlib.suppress(QuoteError):
        assert parsed(received).price_cents > 0


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=1))
def test_one_changed_byte_never_gives_another_symbol_or_user(at, byte):
    changed = GOOD.encode()[:at] + byte + GOOD.encode()[at + 1 :]
    try:
        parsed(changed)
    except QuoteError:
        return
    assert changed.split(b",")[1:3] == [b"ABC", b"jane"]
