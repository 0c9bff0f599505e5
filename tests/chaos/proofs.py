"""Proofs that the project itself offers, run on a finished round as an operator runs them: verification and replay."""

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
    """Proof that is running as a program."""

    process: subprocess.Popen

    def violations(self) -> list[str]:
        """Waits for the end; returns what the program printed if it failed."""
        try:
            output, _ = self.process.communicate(timeout=SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return [f"no answer in {SECONDS_MAX} s"]
        return (
            []
            if self.process.returncode == 0
            else [f"exit code {self.process.returncode}: {output[-SHOWN_CHARACTERS_MAX:]}"]
        )


def verification(database_url: str, dump: Path) -> Proof:
    """Starts verification of the database, and of the dump if it exists."""
    return _run(
        "verify",
        *(["--dump", str(dump)] if dump.exists() else []),
        DATABASE_URL=database_url,
    )


def replay(amqp_url: str, database_url: str) -> Proof:
    """Starts replay from the streams, in a database of its own that the next replay empties."""
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
