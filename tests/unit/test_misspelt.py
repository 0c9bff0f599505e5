"""Misspelt setting names on make's command line are refused, so nothing runs with other settings than were meant."""

import re
import subprocess

import pytest

from deploy.commands import misspelt
from deploy.stack.failure import StackError
from deploy.stack.paths import ROOT


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WORKLAOD", "WORKLOAD"),
        ("workload", "WORKLOAD"),
        ("WORK_LOAD", "WORKLOAD"),
        ("REPLICA", "REPLICAS"),
        ("QUOTE", "QUOTES"),
        ("HEAD", "HEADS"),
        ("DUMPDIR", "DUMP_DIR"),
        ("WEBPORT", "WEB_PORT"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_intended_one(name, meant):
    with pytest.raises(StackError, match=f"{name}: .* did you mean {meant}"):
        misspelt.refuse([name])


def test_only_names_that_nothing_reads_are_reported(capsys):
    misspelt.refuse(["WORKLOAD", "PGPASSWORD", "PATH", "TMPDIR", "PIP_INDEX_URL", "LC_ALL", "PYTHON", "TZ"])
    assert capsys.readouterr().err == ""
    misspelt.refuse(["NONSENSE"])
    assert "NONSENSE: unknown setting" in capsys.readouterr().err


def test_every_variable_that_is_documented_or_read_is_known():
    documented = re.findall(r"\[([A-Z].*)\]$", (ROOT / "Makefile").read_text(), re.M)
    named = set(re.findall(r"[A-Z_]{3,}(?==)", " ".join(documented)))
    for path in [*ROOT.glob("bench/*.py"), *ROOT.glob("deploy/**/*.py"), *ROOT.glob("producers/*.py")]:
        named |= set(re.findall(r'(?:environ\.get\(|envvar=|_count\(environment, )"([A-Z_]+)"', path.read_text()))
    assert len(named) > 20
    misspelled = sorted(name for name in named if name not in misspelt.OPTIONS and not name.startswith(misspelt.OTHERS))
    assert misspelled == [misspelt.GIVEN] * (misspelt.GIVEN in misspelled)


def test_make_names_the_variables_of_its_command_line():
    asked = ["make", "-s", "-f", ROOT / "Makefile", "-f", "-", "show", "WORKLAOD=a b", "HEAD=$$"]
    recipe = f"show:\n\t@echo ${misspelt.GIVEN}"
    done = subprocess.run(asked, input=recipe.replace("$", "$$", 1), capture_output=True, text=True, cwd=ROOT)
    assert sorted(done.stdout.split()) == ["HEAD", "WORKLAOD"], done.stderr


@pytest.mark.parametrize("value", ["a$b.json", "a$$b", "$(shell touch x)", "`id`", "it's #1;\\", "-dash", "%"])
def test_make_passes_a_value_of_its_command_line_on_as_it_is(value):
    recipe = "show:\n\t@printenv STATE"
    asked = ["make", "-s", "-f", ROOT / "Makefile", "-f", "-", "show", f"STATE={value}"]
    done = subprocess.run(asked, input=recipe, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == f"{value}\n", done.stderr
