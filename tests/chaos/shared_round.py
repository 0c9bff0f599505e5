"""Short rounds of the tests. One finished round is kept, because tests spoil copies of it and a round takes long."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.chaos.__main__ import PATIENCE_SECONDS
from tests.chaos.invariants import Judged
from tests.chaos.plan import Plan, plan_of
from tests.chaos.round import Round, RoundResult
from tests.chaos.round_databases import RoundDatabases

COMMANDS = 600
FAULTS = 4

SHARED_SEED = 4
"""Seed of the round with invalid messages. It runs last, because each round empties the database."""

ALL_SEEDS = (*(seed for seed in range(1, 11) if seed != SHARED_SEED), SHARED_SEED)

FEW_SEEDS = (5, 7, SHARED_SEED)
"""Seeds whose rounds kill workers and the broker, take a server's sessions away, and change the replicas.

The negative controls hang a transaction worker, in a round with all defences too.
"""


def seeds_of(environment: Mapping[str, str]) -> tuple[int, ...]:
    """Returns the rounds that the tests run: few in `make test`, all in `make test-chaos` and `.ci/run`."""
    return ALL_SEEDS if environment.get("DAYTRADE_CHAOS_SEEDS") == "all" else FEW_SEEDS


SEEDS = seeds_of(os.environ)


def short_plan(seed: int) -> Plan:
    return plan_of(seed, COMMANDS, FAULTS, short=True)


class SharedRound:
    """Round of `SHARED_SEED`, run on first use, and again if another round has replaced it in the database."""

    def __init__(self, databases: RoundDatabases, folder: Path):
        self._databases, self._folder = databases, folder
        self._judged: Judged | None = None

    def run(self) -> RoundResult:
        """Runs the round, and keeps what it leaves."""
        self.close()
        ran = Round(short_plan(SHARED_SEED), self._databases, self._folder / "round", print, PATIENCE_SECONDS)
        ran.keeps_folder = True
        result = ran.run()
        self._judged = ran.judged
        return result

    @property
    def judged(self) -> Judged:
        """State that the round left, after checking that nothing was wrong in it."""
        if self._judged is None or not self._judged.database.value(_THERE, self._judged.case.ids):
            assert not self.run().violated
        return self._judged

    def close(self) -> None:
        if self._judged is not None:
            self._judged.database.close()


_THERE = "SELECT EXISTS (SELECT FROM history WHERE command_id BETWEEN %(low)s AND %(high)s)"
