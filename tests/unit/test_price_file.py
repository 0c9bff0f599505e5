"""Recorded prices as text: valid points, refused ones, and their order (runtime/price_file.py)."""

import pytest

from runtime.price_file import PricePoint, format_time, parse_time, read_prices
from schema.errors import DecodeError

T = 1_763_806_500_250


def test_a_heading_is_skipped_and_times_may_be_iso_or_ms():
    lines = ["time,symbol,price", "2025-11-22T10:15:00.250Z,ABC,12.34", f"{T + 1},abc,5"]
    assert read_prices(lines) == [PricePoint(T, "ABC", 1_234), PricePoint(T + 1, "ABC", 500)]


def test_points_come_in_the_order_of_time_and_those_of_one_moment_in_that_of_the_file():
    lines = [f"{T + 2},B,3", f"{T},A,1", "", f"{T},C,0.50", f"{T},B,2.00"]
    assert [(p.at_ms - T, p.symbol) for p in read_prices(lines)] == [(0, "A"), (0, "C"), (0, "B"), (2, "B")]


def test_a_time_without_a_zone_is_utc_and_is_written_as_it_is_read():
    assert parse_time("2025-11-22 10:15:00.250") == parse_time("2025-11-22T11:15:00.250+01:00") == T
    assert parse_time(format_time(T)) == T


@pytest.mark.parametrize(
    "line",
    [
        *(f"{T},ABC", f"{T},ABCD,1", f"{T},ABC,0", f"{T},ABC,-1", f"{T},ABC,1e3", "yesterday,ABC,1", f"{T}000000,A,1"),
        f'{T},ABC,"{"1" * 200_000}',
    ],
)
def test_an_invalid_point_is_refused_with_its_line(line):
    with pytest.raises(DecodeError, match="line 2: "):
        read_prices([f"{T},ABC,1.00", line])


@pytest.mark.parametrize("field", ['"' + "ABC,1.00\n" * 15_000, "1" * 131_073], ids=["unclosed", "long"])
def test_a_field_that_never_ends_is_refused_with_its_line(field):
    with pytest.raises(DecodeError, match="line 2: field larger than field limit"):
        read_prices([f"{T},ABC,1.00", f"{T},ABC,{field}"])


@pytest.mark.parametrize("time", ["1969-12-31T23:59:59.999Z", "9999-12-31T23:59:59.9999Z", "253402300800000"])
def test_a_time_that_the_log_could_not_hold_is_refused(time):
    """The log of record stores it as the quote server's time."""
    with pytest.raises(DecodeError, match="line 1: not a time"):
        read_prices([f"{time},ABC,1.00"])
