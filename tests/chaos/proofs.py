"""The project's own proofs, run on a finished round as anybody would run them: verification, and the replay."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.links import ROOT

SECONDS_MAX = 120
SHOWN_CHARACTERS_MAX = 3_000


@dataclass
class Proof:
    """A program that is under way."""

    process: subprocess.Popen

    def violations(self) -> list[str]:
        """Waits for its end; what it says, where it did not end well."""
        try:
            said, _ = self.process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return [f"no answer in {SECONDS_MAX} s"]
        return (
            []
            if self.process.returncode == 0
            else [f"exit code {self.process.returncode}: {said[-SHOWN_CHARACTERS_MAX:]}"]
        )


def verification(database_url: str, dump: Path) -> Proof:
    """Of the database, and of the dump where there is one."""
    return _run(
        "verify",
        *(["--dump", str(dump)] if dump.exists() else []),
        DATABASE_URL=database_url,
    )


def replay(amqp_url: str, database_url: str) -> Proof:
    """From the streams to the state once more, in a database of its own that the next replay empties."""
    return _run("replay", AMQP_URL=amqp_url, DATABASE_URL=database_url)


def _run(verb: str, *arguments: str, **environment: str) -> Proof:
    return Proof(
        subprocess.Popen(
            [sys.executable, "-m", "operators", verb, *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    )
