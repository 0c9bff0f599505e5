"""The least number of quotes that a workload needs (spec §4)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotecache.quote_cost import QuoteCost, quote_cost
from quotecache.quote_floor import quote_floor


@pytest.mark.parametrize(
    ("needs", "floor"),
    [
        ([], 0),
        ([("S", 5)], 1),
        ([("S", 5), ("S", 5)], 1),
        ([("S", 0), ("S", 59_999)], 1),
        ([("S", 0), ("S", 60_000)], 2),
        ([("S", 0), ("T", 0)], 2),
        # Each need follows within a minute of the one before. A window starts at the first need that it serves.
        ([("S", 0), ("S", 40_000), ("S", 80_000), ("S", 99_000)], 2),
        ([("S", 80_000), ("S", 0), ("S", 99_000), ("S", 40_000)], 2),
    ],
)
def test_windows_of_sixty_seconds_cover_the_needs(needs, floor):
    assert quote_floor(needs) == floor


needs = st.lists(st.tuples(st.sampled_from("ST"), st.integers(0, 60)), max_size=12)


@given(needs)
def test_no_fewer_quotes_would_do(needs):
    """Needs that lie a lifetime apart share no quote. The largest set of them is a lower bound, which is reached."""
    lifetime = 10
    apart = 0
    for symbol in "ST":
        newest = None
        for at in sorted(at for of, at in needs if of == symbol):
            if newest is None or at - newest >= lifetime:
                newest = at
                apart += 1
    assert quote_floor(needs, lifetime) == apart


def test_the_cost_counts_lookups_by_what_served_them_and_the_floor_of_needs():
    """The need at 61 s was decided at 62 s; the floor counts by the time at which a need arose."""
    needs = [("S", 1_000, 1_000, "bought"), ("S", 2_000, 2_500, "joined"), ("S", 60_999, 62_000, "hit")]
    refresh = ("S", 61_000, 61_000, "trigger")
    assert quote_cost(iter([*needs, refresh]), (3, 1)) == QuoteCost(
        lookups=4, hits=1, joined=1, fetches=3, abandoned=1, floor=2
    )
