"""Look-up of the known weaknesses of all pinned packages, by pip-audit. `make audit` runs it.

pip-audit calls a package that its database does not name "skipped", and then succeeds. Here a package that was not
looked up is a failure: an audit that checked nothing must not look like one that found nothing.
"""

import subprocess
import sys
from typing import NamedTuple

import msgspec

from deploy.stack.paths import ROOT
from runtime import entry_point

LOCKS = ("requirements.txt", "requirements-tools.txt", "requirements-fuzz.txt")

NONE_KNOWN, KNOWN, NOT_CHECKED = 0, 1, 2
"""Exit codes: no weakness is known, some are, or the packages could not all be looked up."""

SECONDS_MAX = 600


class Weakness(msgspec.Struct):
    id: str
    fix_versions: list[str] = []


class Audited(msgspec.Struct):
    """A package in pip-audit's report. `skip_reason`: why it was not looked up."""

    name: str
    version: str = ""
    vulns: list[Weakness] = []
    skip_reason: str | None = None


class AuditReport(msgspec.Struct):
    """The part of pip-audit's report in JSON that is read here."""

    dependencies: list[Audited]


class Verdict(NamedTuple):
    exit_code: int
    lines: list[str]


def judge(report: bytes, complaint: str = "") -> Verdict:
    """Judges pip-audit's report; `complaint`: the end of its messages, for the case that there is no report."""
    try:
        packages = msgspec.json.decode(report, type=AuditReport).dependencies
    except msgspec.MsgspecError:
        return Verdict(NOT_CHECKED, [f"nothing was checked: pip-audit made no report ({complaint or 'no message'})"])
    lines = [
        f"{one.name} {one.version}: {weakness.id}, mended in {', '.join(weakness.fix_versions) or 'no version yet'}"
        for one in packages
        for weakness in one.vulns
    ]
    skipped = [one for one in packages if one.skip_reason is not None]
    if skipped:
        first = skipped[0]
        lines.append(
            f"{len(skipped)} of {len(packages)} packages could not be checked (the first, {first.name}:"
            f" {first.skip_reason}). This machine's package index has no data on weaknesses: run it where"
            " the Python Package Index itself answers"
        )
        return Verdict(NOT_CHECKED, lines)
    return Verdict(KNOWN if lines else NONE_KNOWN, lines or [f"no weakness of {len(packages)} packages is known"])


def main() -> int:
    """Runs pip-audit, by the interpreter that the argument names, on each file of pins. Returns the worst exit code."""
    worst = NONE_KNOWN
    for lock in LOCKS:
        options = ["--requirement", lock, "--require-hashes", "--disable-pip", "--format", "json"]
        done = subprocess.run(
            [sys.argv[1], "-m", "pip_audit", *options, "--progress-spinner", "off"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS_MAX,
        )
        verdict = judge(done.stdout, " ".join(done.stderr.decode(errors="replace").split())[-200:])
        for line in verdict.lines:
            print(f"audit: {lock}: {line}")
        worst = max(worst, verdict.exit_code)
    return worst


if __name__ == "__main__":
    entry_point.run("audit", main)
