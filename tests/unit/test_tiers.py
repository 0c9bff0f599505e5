"""Test tiers: `make test` leaves no folder of tests out, and each tier starts only what its tests need."""

from pathlib import Path

import pytest

from deploy.commands import tiers
from deploy.stack import caller
from deploy.stack.failure import StackError
from tests.chaos.shared_round import ALL_SEEDS, FEW_SEEDS, seeds_of

TESTS = Path(__file__).parents[1]


def folders(chosen: tuple[tiers.Tier, ...]) -> list[str]:
    return [argument for tier in chosen for argument in tier.arguments if argument.startswith("tests")]


def test_all_tiers_together_have_every_test_once() -> None:
    """Tests with the mark `alone` have a run of their own, in the same folders."""
    there = {path.parent for path in TESTS.rglob("test_*.py") if path.parent != TESTS}
    there = {f"tests/{folder.relative_to(TESTS).parts[0]}" for folder in there}
    there |= {f"tests/{path.name}" for path in TESTS.glob("test_*.py")}
    every = tiers.chosen(tiers.ALL, [])
    alone = [tier for tier in every if tier.arguments[-2:] == tiers.ALONE]
    together = [tier for tier in every if tier not in alone]
    assert sorted(folders(together)) == sorted(there)
    left_out = {folder for tier in together if tier.arguments[-2:] == tiers.NOT_ALONE for folder in folders((tier,))}
    assert {folder for folder in left_out if _has_lonely_tests(folder)} <= set(folders(alone)) <= left_out


def _has_lonely_tests(folder: str) -> bool:
    return any("mark.alone" in path.read_text() for path in (TESTS.parent / folder).rglob("*.py"))


def test_with_arguments_one_process_runs_the_tests_on_servers() -> None:
    for tier in ("all", "integration", "browser", "chaos"):
        (run,) = tiers.chosen(tier, ["-x"])
        assert (run.shared, "-m" in run.arguments) == (False, False)


def test_the_tier_of_unit_tests_starts_no_server_and_no_browser() -> None:
    (unit,) = tiers.chosen("unit", [])
    assert (unit.servers, unit.browser) == (False, False)


def test_arguments_without_a_tier_choose_the_tests_themselves() -> None:
    (run,) = tiers.chosen(tiers.ALL, ["tests/browser", "-k", "name"])
    assert (run.arguments, run.servers, run.browser) == (("tests/browser", "-k", "name"), True, True)


def test_arguments_are_added_to_those_of_a_tier() -> None:
    (run,) = tiers.chosen("browser", ["-k", "name"])
    assert run.arguments == ("tests/browser", "-k", "name")


def test_the_tier_of_chaos_runs_every_round_and_all_tests_together_a_few() -> None:
    assert [tier.environment for tier in tiers.chosen("chaos", [])] == [tiers.ALL_SEEDS]
    assert not any(tier.environment for tier in tiers.chosen(tiers.ALL, []))
    given = dict(tiers.ALL_SEEDS)
    caller.leave_for_tests(given)
    assert (seeds_of(given), seeds_of({})) == (ALL_SEEDS, FEW_SEEDS)


def test_an_unknown_tier_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(StackError, match="unknown tier of tests unti: choose one of all, unit, integration"):
        tiers.chosen("unti", [])
