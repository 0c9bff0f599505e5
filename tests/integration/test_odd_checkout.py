"""Servers of a checkout with an odd name, started from a shell set up for other programs, over broken old files."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import record as stack
from deploy.stack.paths import ROOT
from tests.odd_names import ODD_PATH

SHELL = {
    **{"PGHOSTADDR": "127.0.0.2", "PGSSLMODE": "require", "PGSERVICE": "nowhere", "PGOPTIONS": "-c nonsense=1"},
    **{"PGDATA": "/nowhere", "PGPORT": "1", "PGCLIENTENCODING": "nonsense", "PGDATESTYLE": "nonsense", "PGTZ": "x"},
    **{"RABBITMQ_NODENAME": "rabbit@nowhere", "RABBITMQ_CONFIG_FILE": "/nowhere", "RABBITMQ_NODE_PORT": "1"},
    **{"RABBITMQ_SERVER_START_ARGS": "-nonsense", "RABBITMQ_MNESIA_BASE": "/nowhere", "RABBITMQ_USE_LONGNAME": "true"},
    **{"ERL_FLAGS": "+nonsense", "ERL_AFLAGS": "+nonsense", "ERL_LIBS": "/nowhere", "ERL_EPMD_PORT": "1"},
    **{"http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"},
    **{"TMPDIR": "/nowhere", "LC_ALL": "xx_YY.nonsense", "LANG": "xx_YY", "TZ": "Mars/Base"},
}
"""Shell settings that concern other servers, or that are nonsense."""

USE = """
from deploy.stack import profiles, record
from database.postgres import connect
from rabbitmq.connection import open_connection
urls = profiles.urls_of(record.load(), profiles.LIVE)
connect(urls.database, "test").close()
open_connection(urls.amqp, "test", patience_seconds=0).close()
"""
"""Connects to both servers, as any process of the system does."""

END = """
import signal
from deploy.servers import postgres_data
from deploy.supervision import leftovers
while pids := leftovers.find():
    for pid in pids:
        leftovers._signal(pid, signal.SIGKILL)
postgres_data.remove()
"""
"""Kills the servers of the checkout in whose folder it runs; their data need no clean end."""


@pytest.fixture
def checkout(tmp_path) -> Iterator[Path]:
    if stack.load().kind != stack.PRIVATE:
        pytest.skip("the servers are not this machine's own programs")
    made = tmp_path / ODD_PATH
    for folder in ("database", "deploy", "rabbitmq", "runtime", "schema"):
        shutil.copytree(ROOT / folder, made / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (made / ".venv").symlink_to(sys.prefix)
    leave_behind(made / ".stack")
    yield made
    run(made, ".venv/bin/python", "-c", END)


def leave_behind(stack: Path) -> None:
    """Makes broken files of a broker, as a full disk, a `chmod -R` or a slip of the hand leaves them."""
    for folder in ("rabbitmq", "log"):
        (stack / folder).mkdir(parents=True)
    (stack / "rabbitmq" / ".erlang.cookie").touch(mode=0o644)
    (stack / "rabbitmq" / "data").touch()
    (stack / "log" / "rabbitmq").touch()


def run(checkout: Path, *command: str) -> str:
    """Runs a command as from that shell, without this test run's servers. Returns its output."""
    done = subprocess.run(
        command, cwd=checkout, env={"PATH": "/usr/bin:/bin", "HOME": "/root"} | SHELL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_servers_start_under_an_odd_name_and_from_an_odd_shell(checkout):
    run(checkout, ".venv/bin/python", "-m", "deploy", "servers")
    run(checkout, ".venv/bin/python", "-c", USE)
    log = (checkout / ".stack" / "log" / "rabbitmq.log").read_text()
    assert "Enabling free disk space monitoring" in log, "the broker must know when to hold publishers back"
