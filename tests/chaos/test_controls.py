"""The proof bites: with one line of defence left out, the same rounds report violations."""

import pytest

from tests.chaos.__main__ import run_round
from tests.chaos.ground import Ground
from tests.chaos.plan import HANG, plan_of

COMMANDS = 150
PATIENCE_SECONDS = 8.0

DONE_TWICE = "every confirmed command is done exactly once"
LOG_WRONG = "every source of the log is gapless, once, complete"


@pytest.mark.parametrize(
    ("defence", "fault", "violated"),
    [
        ("fence", HANG, DONE_TWICE),
        ("outbox", "point after-commit", LOG_WRONG),
        ("lookup", "publisher kill", DONE_TWICE),
        ("numbering", "point after-publish", LOG_WRONG),
    ],
)
def test_a_defence_left_out_is_reported(defence: str, fault: str, violated: str, ground: Ground) -> None:
    plan = plan_of(1, COMMANDS, 1, kinds=(fault,))
    result = run_round(plan, ground, print, PATIENCE_SECONDS, sabotage=defence)
    assert result.violations[violated]
