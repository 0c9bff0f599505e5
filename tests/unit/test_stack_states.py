""".stack in any state that a crash, a full disk or a person may leave.

Each command repairs it or names the fault in one line, and `make clean` always removes it.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

COPIED = ("deploy", "schema")
"""Folders that find the checkout by their own location; all others are linked."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> list:
    """Output and exit code of each command in each state, in a checkout of its own (`stack_states.py`)."""
    checkout = tmp_path_factory.mktemp("checkout")
    for folder in ROOT.iterdir():
        if folder.name in COPIED:
            shutil.copytree(folder, checkout / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (folder / "__init__.py").exists():
            (checkout / folder.name).symlink_to(folder)
    program = [sys.executable, "-m", "tests.unit.stack_states"]
    done = subprocess.run(program, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_state_is_repaired_or_named_in_one_line(outcomes):
    assert len(outcomes) > 100
    for state, results in outcomes:
        for command, code, output in results:
            case = f"{state}: {command}: {output}"
            assert code in (0, 1), case
            assert sum(line.startswith("error: ") for line in output.splitlines()) == code, case
            assert "Traceback" not in output, case
            assert "fault in Day Trade" not in output, case


def test_clean_works_in_every_state_in_which_there_is_a_folder(outcomes):
    for state, results in outcomes:
        command, code, output = results[-1]
        assert command == "clean"
        assert code == 0 or "or run `make clean`" in output, f"{state}: {output}"


def test_a_damaged_record_is_replaced_by_its_copy_and_only_without_one_by_a_new_one(outcomes):
    output = {state: results[0][2] for state, results in outcomes}
    for how in ("missing", "empty", "garbage", "no object", "an empty object", "too deep", "wrong values", "a folder"):
        assert "using its copy" in output[f"stack.json: {how}"], how
        assert how == "missing" or "new ports" in output[f"stack.json and stack.copy.json: {how}"], how
