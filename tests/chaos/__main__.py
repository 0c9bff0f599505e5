"""Command line of the chaos rounds: `python -m tests.chaos --seed N --rounds K`.

It runs on the servers of AMQP_URL and DATABASE_URL. Use it as `make chaos` or `make soak`, which start servers that the
faults may kill. Exit code 1 on any violation.
"""

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from deploy.stack.caller import leave_for_tests
from runtime import entry_point
from runtime.log_setup import set_up_logging
from schema.errors import DayTradeError, SettingsError
from tests.chaos import records, report
from tests.chaos.plan import KINDS, Plan, plan_of
from tests.chaos.round import Round, RoundResult
from tests.chaos.round_databases import RoundDatabases
from tests.chaos.unfenced import TAKE_AWAY
from tests.interrupts import end_once

SOAK_ROUNDS = 200

COMMANDS, FAULTS = 2_000, 6
"""Numbers of commands and of faults in a round."""

PATIENCE_SECONDS = 60.0
"""Longest wait for each thing that has to happen after the last fault."""


def run_round(
    plan: Plan,
    databases: RoundDatabases,
    say: Callable[[str], None],
    patience: float = PATIENCE_SECONDS,
    sabotage: str = "",
) -> RoundResult:
    """Runs one round. If it finds a violation, it keeps the folder with the processes' logs and prints its path."""
    folder = Path(tempfile.gettempdir()) / f"daytrade-chaos-{os.getpid()}" / f"seed-{plan.seed}"
    manner = "storm, " if plan.storm else ""
    say(f"seed {plan.seed}: {plan.commands:,} commands, {plan.rate:.0f}/s, {manner}quotes {plan.quotes}")
    result = Round(plan, databases, folder, say, patience, sabotage).run()
    if result.violated:
        say(f"  logs: {folder}")
    return result


def main() -> int:
    asked = _arguments()
    leave_for_tests()
    end_once()  # a round must not leave its processes behind
    set_up_logging("error", "chaos")
    screen = report.console()
    results = []
    try:
        databases = RoundDatabases(_setting("AMQP_URL"), _setting("DATABASE_URL"))
        for seed in _seeds(asked):
            plan = plan_of(seed, asked.commands, asked.faults, asked.soak, tuple(asked.fault))
            result = run_round(
                plan, databases, lambda text: screen.print(text, soft_wrap=True), sabotage=asked.sabotage
            )
            results.append(result)
            report.show_round(screen, result)
            if asked.record and not result.left_out:
                records.add(result)
                report.write_reliability()
        databases.clear()
    except DayTradeError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if results:
        report.show_all(screen, results)
    else:
        screen.print(f"nothing is left to do: {records.FILE} has these rounds")
        report.write_reliability()
    broken = {result.seed for result in results if result.violated}
    if asked.soak:
        broken |= records.read().violated_seeds
        if broken:
            screen.print(f"violations in the rounds of seeds {sorted(broken)}; `make soak AGAIN=1` repeats them")
    return 1 if broken else 0


def _seeds(asked: argparse.Namespace) -> Iterator[int]:
    """Returns the seeds of this run. A soak skips seeds that are already recorded, so it may be run in slices."""
    if not asked.soak:
        return iter(range(asked.seed, asked.seed + asked.rounds))
    recorded = records.read()
    done = recorded.seeds - recorded.violated_seeds if asked.again else recorded.seeds
    return itertools.islice((seed for seed in range(asked.seed, SOAK_ROUNDS + 1) if seed not in done), asked.rounds)


def _setting(name: str) -> str:
    if not os.environ.get(name):
        raise SettingsError(f"{name} is not set: use `make chaos`")
    return os.environ[name]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Chaos, and the proof that it broke nothing."
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the first round")
    parser.add_argument("--rounds", type=int, default=1, help="number of rounds")
    parser.add_argument("--commands", type=int, default=COMMANDS, help="number of commands in each round's workload")
    parser.add_argument("--faults", type=int, default=FAULTS, help="number of faults in each round")
    parser.add_argument(
        "--fault", action="append", default=[], choices=KINDS, help="inject this fault; may be repeated"
    )
    parser.add_argument(
        "--sabotage", default="", choices=("", *TAKE_AWAY), help="start all processes without this safeguard"
    )
    parser.add_argument("--record", action="store_true", help=f"record each round in {records.FILE.name}")
    parser.add_argument(
        "--soak", action="store_true", help="add some long pauses, record the rounds, skip recorded ones"
    )
    parser.add_argument(
        "--again", action="store_true", help="with --soak: repeat recorded rounds that found violations"
    )
    asked = parser.parse_args()
    asked.record |= asked.soak
    if asked.record and (asked.sabotage or asked.fault or asked.commands != COMMANDS or asked.faults != FAULTS):
        parser.error("only whole rounds are recorded: without --sabotage, --fault, --commands, --faults")
    if asked.seed < 1 or asked.rounds < 1 or asked.commands < 100 or asked.faults < 1:
        parser.error("a seed and rounds from 1 on, 100 commands at least, and a fault")
    return asked


if __name__ == "__main__":
    entry_point.run("chaos", main)
