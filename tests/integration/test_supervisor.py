"""Workers stop in order: the audit worker, which stores what the others did, stops after they have ended."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import record as stack
from deploy.stack.paths import WORKER_CONFIGS
from deploy.supervision import supervisor
from deploy.supervision.processes import STOPPED_FIRST, STOPPED_LAST
from deploy.supervision.program import Program

pytestmark = pytest.mark.alone  # it changes what the supervisor of the servers runs

PROFILE = "order"

DRAINS = """
import signal, sys
name, notes, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
with open(notes, "a") as file:
    print(name, "runs", file=file)
signal.sigwait([signal.SIGTERM])
signal.sigtimedwait([signal.SIGUSR1], seconds)
with open(notes, "a") as file:
    print(name, "ended", file=file)
"""
"""A worker that takes some time to drain."""


@pytest.fixture
def record() -> Iterator[stack.Record]:
    record = stack.load()
    if not supervisor.running(record):
        pytest.skip("the servers were given, there is no supervisor")
    yield record
    supervisor.set_workers(record, PROFILE, [])
    (WORKER_CONFIGS / f"{PROFILE}.conf").unlink()


def test_the_worker_that_stops_last_gets_sigterm_after_the_others_have_drained(record, tmp_path, wait_for) -> None:
    notes, script = tmp_path / "notes", tmp_path / "worker.py"
    script.write_text(DRAINS)
    workers = [("recorder", "0", STOPPED_LAST), ("slow", "0.5", STOPPED_FIRST), ("slower", "0.7", STOPPED_FIRST)]
    programs = [
        Program(
            f"{PROFILE}.{name}",
            (sys.executable, str(script), name, str(notes), seconds),
            tmp_path / f"{name}.log",
            Path("/"),
            priority=priority,
        )
        for name, seconds, priority in workers
    ]
    supervisor.set_workers(record, PROFILE, programs)
    wait_for(lambda: notes.exists() and notes.read_text().count("runs") == len(workers), 20)
    supervisor.set_workers(record, PROFILE, [])
    *others, last = notes.read_text().splitlines()[len(workers) :]
    assert (sorted(others), last) == (["slow ended", "slower ended"], "recorder ended")
