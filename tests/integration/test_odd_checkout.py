"""Servers of a checkout with an odd name, started from a shell set up for other programs, over broken old files."""

import json
import os
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

LISTENERS = """
import json, psutil
from deploy.supervision import leftovers
held = [psutil.Process(pid).net_connections("tcp") for pid in leftovers.find()]
print(json.dumps([one.laddr.ip for some in held for one in some if one.status == psutil.CONN_LISTEN]))
"""
"""Prints the addresses on which the servers listen."""

SETTINGS = """
from database.postgres import connect
from deploy.stack import profiles, record
with connect(profiles.urls_of(record.load(), profiles.LIVE).database, "test") as connection:
    for name in ("authentication_timeout", "superuser_reserved_connections", "unix_socket_directories"):
        print(repr(connection.execute(f"SHOW {name}").fetchone()[0]))
"""
"""Prints the settings that decide which strangers reach Postgres, and for how long."""

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


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Iterator[Path]:
    """A checkout whose servers run."""
    if stack.load().kind != stack.PRIVATE:
        pytest.skip("the servers are not this machine's own programs")
    made = tmp_path_factory.mktemp("odd") / ODD_PATH
    for folder in ("database", "deploy", "rabbitmq", "runtime", "schema"):
        shutil.copytree(ROOT / folder, made / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (made / ".venv").symlink_to(sys.prefix)
    leave_behind(made / ".stack")
    run(made, ".venv/bin/python", "-m", "deploy", "servers")
    yield made
    run(made, ".venv/bin/python", "-c", END)


def leave_behind(stack: Path) -> None:
    """Makes broken files of a broker, as a full disk, a `chmod -R` or a slip of the hand leaves them."""
    for folder in ("rabbitmq", "log"):
        (stack / folder).mkdir(parents=True)
    (stack / "rabbitmq" / ".erlang.cookie").touch(mode=0o644)
    (stack / "rabbitmq" / "data").touch()
    (stack / "log" / "rabbitmq").touch()
    (stack / "log" / "loadtest").mkdir(mode=0o755)
    (stack / "log" / "loadtest" / "transactions-0.log").touch(mode=0o644)


def run(checkout: Path, *command: str) -> str:
    """Runs a command as from that shell, without this test run's servers. Returns its output."""
    done = subprocess.run(
        command,
        cwd=checkout,
        env={"PATH": "/usr/bin:/bin", "HOME": "/root"} | SHELL,
        capture_output=True,
        text=True,
        umask=0o022,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_servers_start_under_an_odd_name_and_from_an_odd_shell(checkout):
    run(checkout, ".venv/bin/python", "-c", USE)
    log = (checkout / ".stack" / "log" / "rabbitmq.log").read_text()
    assert "Enabling free disk space monitoring" in log, "the broker must know when to hold publishers back"


def test_no_other_user_may_read_or_write_what_the_servers_and_the_stack_keep(checkout):
    kept = [
        Path(above, name)
        for above, folders, files in os.walk(checkout / ".stack")
        for name in (*folders, *files)
        if not Path(above, name).is_symlink()
    ]
    assert kept
    # A server may have removed a file meanwhile.
    assert [str(path) for path in kept if path.exists() and path.stat().st_mode & 0o077] == []


def test_the_servers_listen_on_loopback_only(checkout):
    """The broker's Erlang distribution and epmd, its port mapper, accept commands: the network must not reach them."""
    addresses = json.loads(run(checkout, ".venv/bin/python", "-c", LISTENERS))
    assert len(addresses) >= 5, "epmd, the distribution, AMQP, Postgres and supervisord listen"
    assert set(addresses) <= {"127.0.0.1", "::1"}


def test_each_broker_has_a_secret_erlang_cookie_of_its_own(checkout):
    cookie = (checkout / ".stack" / "rabbitmq" / ".erlang.cookie").read_text()
    assert len(cookie) == 64, "Erlang makes 20 capital letters from a seed that can be guessed"
    assert set(cookie) <= set("0123456789abcdef")


def test_a_stranger_holds_a_connection_to_postgres_for_ten_seconds_at_most(checkout):
    assert run(checkout, ".venv/bin/python", "-c", SETTINGS).split() == ["'10s'", "'5'", "''"]
