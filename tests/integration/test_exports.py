"""Exports from a busy system show one single moment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parents[2]


def test_a_changing_state_is_exported_as_of_one_moment(database_url, tmp_path, wait_for):
    file = tmp_path / "state"
    with psycopg.connect(database_url) as worker:
        worker.execute("INSERT INTO accounts VALUES ('bob', true, 100, 0, 1)")
    with psycopg.connect(database_url) as worker, psycopg.connect(database_url, autocommit=True) as watcher:
        worker.execute("LOCK TABLE positions IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen(
            [sys.executable, "-m", "operators", "state", file],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": database_url},
        )
        # The export has read the accounts, and now waits for the positions.
        waits = "SELECT 1 FROM pg_locks WHERE relation = 'positions'::regclass AND NOT granted"
        wait_for(lambda: watcher.execute(waits).fetchone())
        worker.execute("INSERT INTO accounts VALUES ('ann', true, 100, 0, 2)")
        worker.execute("INSERT INTO positions VALUES ('ann', 'ABC', 1, 0)")
        worker.commit()
        assert process.wait(20) == 0
    assert list(json.loads(file.read_text())) == ["bob"]
