"""Paths that a checkout may have, and those it may not."""

import re
import shutil
import subprocess
import sys

import pytest

from deploy.stack.checkout_path import BYTES_MAX, complaint
from deploy.stack.paths import ROOT
from tests.odd_names import ODD_NAMES, ODD_PATH


@pytest.mark.parametrize(
    "path", [f"/home/{name}" for name in (*ODD_NAMES, ODD_PATH) if ":" not in name and "\n" not in name]
)
def test_a_checkout_may_lie_under_an_odd_name(path):
    assert complaint(path) is None


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/home/a:b", "colon"),
        ("/home/a\nb", "end of line"),
        ("/home/a\rb", "end of line"),
        ("/home/\udce9", "not UTF-8"),
        ("/" + "я" * (BYTES_MAX // 2), "longer than"),
    ],
)
def test_a_path_that_a_program_cannot_use_is_refused_in_one_line(path, reason):
    output = complaint(path)
    assert reason in output
    assert "Move it" in output
    assert "\n" not in output


def test_the_refusal_comes_before_anything_is_installed(tmp_path):
    checkout = tmp_path / "a:b"
    for folder in ("database", "deploy", "runtime", "schema"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    before = sorted(checkout.rglob("*"))
    asked = ["deploy/make_venv.sh", ".venv", "requirements.txt"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable}
    done = subprocess.run(asked, cwd=checkout, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: the path of this checkout contains a colon")
    assert done.stderr.count("\n") == 1
    assert sorted(checkout.rglob("*")) == before


def test_no_recipe_runs_a_script_that_pip_has_made():
    """Its first lines contain the path of the checkout, unescaped: a shell would run what stands in backticks there."""
    programs = {"python", "ruff", "uv"}  # the interpreter and compiled programs
    for name in ("Makefile", ".pre-commit-config.yaml"):
        assert set(re.findall(r"(?:TOOLS\)|VENV\)|\.venv)/bin/([\w-]+)", (ROOT / name).read_text())) <= programs


START_SITE = """
from flask import Flask
from webapp.http_server import SiteServer
from webapp.turns import ClientTurns
SiteServer(Flask("site"), "127.0.0.1", 0, 1, is_behind_proxy=False, turns=ClientTurns())
"""


def test_the_site_works_in_a_folder_whose_name_ends_with_a_blank(tmp_path):
    folder = tmp_path / "day trade "
    folder.mkdir()
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    asked = [sys.executable, "-c", START_SITE]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
