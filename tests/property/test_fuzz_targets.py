"""Each fuzz target with 20,000 mutations of valid inputs. `make fuzz` runs a million of each, guided by coverage."""

from random import Random

import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS

INPUTS = 20_000


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks_the_contract(name: str) -> None:
    for data in (*SEEDS[name], *mutated(SEEDS[name], INPUTS, Random(name))):
        try:
            TARGETS[name](data)
        except Exception as error:
            pytest.fail(f"{name}({data!r}): {error!r}")
