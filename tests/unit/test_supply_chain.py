"""Rules for packages: the hashes of their files are known, and a person has judged their licences."""

import json
import re
from importlib import metadata

import pytest

from deploy.commands import licences, weaknesses
from deploy.stack.paths import ROOT

LOCKS = ("requirements", "requirements-tools", "requirements-fuzz")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def pins(text: str) -> dict[str, tuple[str, str]]:
    """Returns name → version and the rest of the entry, which contains the hashes."""
    return {re.sub("[-_.]+", "-", name).lower(): (version, rest) for name, version, rest in PINNED.findall(text)}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_with_the_hashes_of_its_files(lock):
    locked = pins((ROOT / f"{lock}.txt").read_text())
    assert len(locked) > 20
    assert [name for name, (_, rest) in locked.items() if "--hash=sha256:" not in rest] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_the_project_asks_for(lock):
    asked, locked = (pins((ROOT / f"{lock}.{suffix}").read_text()) for suffix in ("in", "txt"))
    assert asked
    assert {name: version for name, (version, _) in asked.items()} == {name: locked[name][0] for name in asked}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_package_index(lock):
    """Each machine's own settings say where it downloads from; the hashes say which files it accepts."""
    assert not re.search("://|index", (ROOT / f"{lock}.txt").read_text())


def test_the_installation_accepts_no_file_without_a_known_hash():
    assert "--require-hashes" in (ROOT / "deploy" / "make_venv.sh").read_text()


def test_every_installed_package_has_an_allowed_licence():
    installed = {one.name: licences.licence_names(one.metadata) for one in metadata.distributions()}
    assert len(installed) > 20
    assert [text for name, named in installed.items() if (text := licences.objection(name, named))] == []


@pytest.mark.parametrize("named", [[], ["GPL-3.0-only"], ["MIT", "AGPL-3.0-or-later"], ["Other/Proprietary License"]])
def test_an_unknown_or_strong_copyleft_licence_is_refused(named):
    assert "newcomer" in licences.objection("newcomer", named)


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        ("License-Expression: (MIT OR Apache-2.0) AND PSF-2.0\nLicense: GPL", ["MIT", "Apache-2.0", "PSF-2.0"]),
        ("Classifier: License :: OSI Approved :: MIT License\nLicense: Copyright 2010", ["MIT License"]),
        ("License: BSD-3-Clause\n  and its text", ["BSD-3-Clause"]),
        ("Name: newcomer", []),
    ],
)
def test_a_package_s_licence_is_read_from_its_most_exact_statement(stated, names, tmp_path):
    folder = tmp_path / "newcomer-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nVersion: 1\n{stated}\n")
    assert licences.licence_names(metadata.PathDistribution(folder).metadata) == names


CLEAN = {"name": "flask", "version": "3.1.0", "vulns": []}
WEAK = {"name": "pika", "version": "1.0", "vulns": [{"id": "CVE-2026-1", "fix_versions": ["1.1"], "description": "x"}]}
SKIPPED = {"name": "rich", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "exit_code", "told"),
    [
        ([CLEAN], weaknesses.NONE_KNOWN, "no weakness of 1 packages is known"),
        ([CLEAN, WEAK], weaknesses.KNOWN, "pika 1.0: CVE-2026-1, mended in 1.1"),
        ([CLEAN, SKIPPED], weaknesses.NOT_CHECKED, "1 of 2 packages could not be checked"),
        ([WEAK, SKIPPED], weaknesses.NOT_CHECKED, "pika 1.0: CVE-2026-1"),
    ],
)
def test_an_audit_succeeds_only_if_it_has_looked_up_every_package(packages, exit_code, told):
    verdict = weaknesses.judge(json.dumps({"dependencies": packages, "fixes": []}).encode())
    assert verdict.exit_code == exit_code
    assert any(told in line for line in verdict.lines)


def test_an_audit_without_a_report_has_checked_nothing():
    verdict = weaknesses.judge(b"", "cannot connect")
    assert verdict == (weaknesses.NOT_CHECKED, ["nothing was checked: pip-audit made no report (cannot connect)"])
