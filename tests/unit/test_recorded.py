"""Recorded prices instead of a quote server: time in them begins when they are opened, and they cost nothing."""

import pytest

from quotecache.fetch import Fetch, Settled
from quotecache.protocol import PriceLine
from quotecache.recorded import CRYPTOKEY, RecordedSource, Recording, open_recording
from runtime.price_file import PricePoint
from schema.commands import VERSION
from schema.errors import SettingsError
from schema.events import PriceRequest

OPENED = 1_700_000_000_000
BEGINS = 1_000_000_000_000
RECORDING = Recording(
    [PricePoint(BEGINS, "A", 100), PricePoint(BEGINS + 500, "B", 7), PricePoint(BEGINS + 900, "A", 90)]
)


def answers(*asked: tuple[str, int]) -> list:
    """Returns the answers to fetches of (symbol, ms since the recording was opened)."""
    woken = []
    source = RecordedSource(RECORDING, OPENED, lambda: woken.append(True))
    fetches = [Fetch(n, PriceRequest(VERSION, s, "ann", n), OPENED + ms) for n, (s, ms) in enumerate(asked, start=1)]
    source.ask(fetches)
    taken = source.take()
    assert [fetch for fetch, _ in taken] == fetches and woken and source.take() == []
    return [Settled(fetch, OPENED, outcome) for fetch, outcome in taken]


def test_a_price_holds_until_the_next_one_and_the_last_one_for_good():
    lines = [one.outcome for one in answers(("A", 0), ("A", 899), ("A", 900), ("A", 10**9))]
    assert [line.price_cents for line in lines] == [100, 100, 90, 90]
    assert lines[1] == PriceLine(100, BEGINS, CRYPTOKEY)


def test_before_its_first_price_a_symbol_has_none_and_that_is_not_paid():
    early, unknown = answers(("B", 499), ("C", 10**9))
    assert early.failure and unknown.failure and not (early.paid or unknown.paid)


def test_a_file_that_cannot_be_played_is_a_wrong_setting(tmp_path):
    (tmp_path / "empty.csv").write_text("time,symbol,price\n")
    (tmp_path / "wrong.csv").write_text("1,A\n")
    for name in ("empty.csv", "wrong.csv", "absent.csv"):
        with pytest.raises(SettingsError, match="QUOTE_SOURCE"):
            open_recording(tmp_path / name)
