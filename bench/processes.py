"""The system's processes as tests, chaos rounds and benchmarks start them: without a supervisor, each with a log file.

Whoever starts a process watches it, ends it and starts it again.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]

MODULES = {
    "quote-server": "quotecache.simulator",
    "quotecache": "quotecache",
    "triggers": "consumers.triggers",
    "audit": "consumers.audit",
    "transactions": "consumers.transactions",
}
"""The module of each kind of worker, in the order in which they start."""

SITE = {"web": "webapp", "live": "webapp.live"}
"""The modules of the site's processes."""


def kind_of(name: str) -> str:
    """The kind of a process: `transactions-1` is one of several `transactions`."""
    return name.rstrip("0123456789").rstrip("-")


def start(name: str, folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts a worker or a process of the site. `name` is its kind, with a number where there are several."""
    return start_module((MODULES | SITE)[kind_of(name)], name, folder, {**environment, "REPLICA": name})


def start_module(
    module: str,
    name: str,
    folder: Path,
    environment: Mapping[str, str],
    *arguments: str,
    output: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts any module. `environment` is all that it gets.

    What it says is added to `folder/name.log`; its standard output goes to `output` instead where that is given.
    """
    with (folder / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=log if output is None else output,
            stderr=log,
        )
