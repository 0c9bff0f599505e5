"""The short rounds of the tests, and the one of them whose remains are kept, to be spoiled: a round takes long."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.__main__ import PATIENCE_SECONDS
from tests.chaos.ground import Ground
from tests.chaos.invariants import Judged
from tests.chaos.plan import Plan, plan_of
from tests.chaos.round import Result, Round

COMMANDS = 600
FAULTS = 4

POISONED = 4
"""The seed in whose round poison is sent. Run last, for the next round empties the database."""

ALL_SEEDS = (*(seed for seed in range(1, 11) if seed != POISONED), POISONED)

FEW_SEEDS = (5, 6, 7, POISONED)
"""These kill every kind of worker and the broker, hang a transaction worker, and change the number of replicas."""


def seeds_of(environment: Mapping[str, str]) -> tuple[int, ...]:
    """Rounds that the tests run: few in `make test`, all in `make test-chaos` and `.ci/run`."""
    return ALL_SEEDS if environment.get("DAYTRADE_CHAOS_SEEDS") == "all" else FEW_SEEDS


SEEDS = seeds_of(os.environ)


def short_plan(seed: int) -> Plan:
    return plan_of(seed, COMMANDS, FAULTS, short=True)


class Kept:
    """The round of `POISONED`, run when it is first asked for, and again once another one has taken its place."""

    def __init__(self, ground: Ground, folder: Path):
        self._ground, self._folder = ground, folder
        self._judged: Judged | None = None

    def run(self) -> Result:
        """Runs it, and keeps what it leaves."""
        self.close()
        ran = Round(short_plan(POISONED), self._ground, self._folder / "round", print, PATIENCE_SECONDS)
        ran.keeps_folder = True
        result = ran.run()
        self._judged = ran.judged
        return result

    @property
    def judged(self) -> Judged:
        """What it left, in which nothing was wrong."""
        if self._judged is None or not self._judged.eye.value(_THERE, self._judged.case.ids):
            assert not self.run().violated
        return self._judged

    def close(self) -> None:
        if self._judged is not None:
            self._judged.eye.close()


_THERE = "SELECT EXISTS (SELECT FROM history WHERE command_id BETWEEN %(low)s AND %(high)s)"
