"""The proof bites: with one line of defence left out, the same rounds report violations."""

import pytest

from tests.chaos.__main__ import run_round
from tests.chaos.ground import Ground
from tests.chaos.plan import HANG, plan_of

COMMANDS = 150
PATIENCE_SECONDS = 4.0


@pytest.mark.parametrize(
    ("defence", "fault"),
    [
        ("fence", HANG),
        ("outbox", "point after-commit"),
        ("lookup", "publisher kill"),
        ("numbering", "point after-publish"),
    ],
)
def test_a_defence_left_out_is_reported(defence: str, fault: str, ground: Ground) -> None:
    plan = plan_of(1, COMMANDS, 1, kinds=(fault,))
    result = run_round(plan, ground, print, PATIENCE_SECONDS, sabotage=defence)
    assert [strike.kind for strike in result.strikes if strike.struck] == [fault]
    assert result.violated
