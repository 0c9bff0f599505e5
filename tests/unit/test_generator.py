"""The workload generator gives the same bytes for the same seed, and the official files' statistics."""

import re
import shlex
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from operators import __main__ as operators
from schema.commands import CommandName
from workloads.generator import USERS_MAX, workload_lines

WORKLOADS = Path(__file__).parents[2] / "workloads"
RECIPES = dict(re.findall(r"^\| `(\w+\.txt)` \| `([^`]+)`", (WORKLOADS / "README.md").read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def standard_load() -> list[list[str]]:
    """Name and arguments of each command of a load like the official one with 100 users."""
    return [_words(line) for line in workload_lines(100, 100_000, 981, seed=5)]


def _words(line: str) -> list[str]:
    return line.partition("] ")[2].strip().split(",")


@pytest.mark.parametrize("name", ["small.txt", "tiny.txt"])
def test_the_recipe_in_the_readme_makes_the_same_bytes(name):
    words = shlex.split(RECIPES[name])
    users, commands, symbols, seed = (
        int(words[words.index(option) + 1]) for option in ("--users", "--commands", "--symbols", "--seed")
    )
    lines = workload_lines(users, commands, symbols, seed, "--user-dump" in words)
    assert "".join(f"{line}\n" for line in lines).encode() == (WORKLOADS / name).read_bytes()


def test_another_seed_makes_another_file():
    assert list(workload_lines(3, 50, 5, seed=1)) != list(workload_lines(3, 50, 5, seed=2))


def test_lines_have_the_official_form():
    lines = list(workload_lines(3, 50, 5, seed=1))
    assert len(lines) == 50
    assert lines[-1] == "[50] DUMPLOG,./testLOG"
    assert all(re.fullmatch(rf"\[{n}\] [A-Z_]+(,[A-Za-z0-9.]+)+ ", line) for n, line in enumerate(lines[:-1], start=1))


def test_tiny_has_all_commands_and_both_dumplogs():
    commands = [_words(line) for line in (WORKLOADS / "tiny.txt").read_text().splitlines()]
    assert {name for name, *_ in commands} == set(CommandName)
    assert {len(arguments) for name, *arguments in commands if name == "DUMPLOG"} == {1, 2}


def test_shares_of_commands_are_the_measured_ones(standard_load):
    measured = {"BUY": 13.9, "QUOTE": 13.2, "ADD": 11.0, "DISPLAY_SUMMARY": 9.1, "SET_BUY_TRIGGER": 8.6}
    measured |= {"COMMIT_BUY": 8.0, "SET_SELL_TRIGGER": 7.3, "SELL": 6.2, "SET_BUY_AMOUNT": 5.0, "COMMIT_SELL": 4.2}
    counts = Counter(name for name, *_ in standard_load)
    assert {name: counts[name] / 1000 for name in measured} == pytest.approx(measured, abs=0.5)


def test_commits_and_cancels_follow_their_orders_as_on_a_stack(standard_load):
    """In the official file, 59 of 10,494 commits and cancels of buys miss; with a single slot, 1,450 would."""
    depth, slot, misses, misses_with_one_slot = defaultdict(int), set(), 0, 0
    for name, user, *_ in standard_load:
        if name == "BUY":
            depth[user] += 1
            slot.add(user)
        elif name in ("COMMIT_BUY", "CANCEL_BUY"):
            misses += not depth[user]
            misses_with_one_slot += user not in slot
            depth[user] = max(0, depth[user] - 1)
            slot.discard(user)
    assert 20 < misses < 150
    assert 1_200 < misses_with_one_slot < 1_700


def test_sells_crowd_on_a_few_symbols_and_buys_do_not(standard_load):
    sold = Counter(symbol for name, _, symbol, *_ in (c for c in standard_load if len(c) > 3) if name == "SELL")
    bought = Counter(symbol for name, _, symbol, *_ in (c for c in standard_load if len(c) > 3) if name == "BUY")
    assert 0.05 < sold.most_common(1)[0][1] / sold.total() < 0.09
    assert bought.most_common(1)[0][1] / bought.total() < 0.005
    assert len(bought) == 981


def test_more_users_than_memory_holds_are_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["daytradectl", "workload", "--users", str(USERS_MAX + 1)])
    assert operators.main() == 2
    assert "1 to 10,000,000 users" in capsys.readouterr().err
