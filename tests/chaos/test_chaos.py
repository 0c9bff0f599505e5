"""Short rounds of chaos: under every fault nothing is lost, doubled or reordered, and the system recovers soon."""

import pytest

from tests.chaos.__main__ import run_round
from tests.chaos.plan import KINDS, deal
from tests.chaos.round_databases import RoundDatabases
from tests.chaos.shared_round import ALL_SEEDS, FAULTS, SEEDS, SHARED_SEED, SharedRound, short_plan

_struck: dict[int, set[str]] = {}


@pytest.mark.parametrize("seed", SEEDS)
def test_chaos_breaks_nothing(seed: int, databases: RoundDatabases, shared_round: SharedRound) -> None:
    result = shared_round.run() if seed == SHARED_SEED else run_round(short_plan(seed), databases, print)
    assert {invariant: found for invariant, found in result.violations.items() if found} == {}
    _struck[seed] = {strike.kind for strike in result.strikes if strike.struck} | set(result.left_out)


def test_every_kind_of_fault_has_struck() -> None:
    if _struck.keys() != set(ALL_SEEDS):
        pytest.skip("not all rounds were run: `make test-chaos` runs them")
    assert set().union(*_struck.values()) == set(KINDS)


def test_ten_seeds_deal_every_kind_of_fault() -> None:
    assert {kind for seed in ALL_SEEDS for kind in deal(seed, FAULTS)} == set(KINDS)
