"""Shell variables: which of them reach the processes that the stack starts."""

import os
import subprocess
import sys

import pytest

from database.libpq_urls import for_own_server
from deploy.stack import caller
from deploy.stack.paths import ROOT
from deploy.stack.profiles import LIVE, Urls
from deploy.supervision.processes import programs

GIVEN, OWN = "postgresql://db.example/live", for_own_server("postgresql://daytrade:secret@127.0.0.1:1/live")


@pytest.fixture(autouse=True)
def shell(monkeypatch) -> None:
    """Shell without any variables but those that a test sets."""
    for name in [name for name in os.environ if name != "PATH"]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONPATH", "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONSTARTUP", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"),
        *("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY", "no_proxy"),
        *("REPLICA", "FAULT_POINT", "PSYCOPG_IMPL"),
    ],
)
def test_a_module_in_the_foreground_does_not_see(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert name not in caller.for_modules()


def test_a_module_in_the_foreground_sees_its_options(monkeypatch):
    for name in ("WORKLOAD", "REPLICAS", "RATE", "DUMP", "PASSWORD"):
        monkeypatch.setenv(name, "1")
        assert caller.for_modules()[name] == "1"


@pytest.mark.parametrize("name", ["RABBITMQ_NODENAME", "ERL_AFLAGS", "PGDATA", "LC_ALL", "TZ", "PYTHONHOME", "GIT_DIR"])
def test_a_server_does_not_see(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    assert name not in caller.for_servers()


@pytest.mark.parametrize(("folder", "is_kept"), [("/nowhere", False), ("relative", False), ("/tmp", True)])
def test_a_folder_for_temporary_files_is_kept_where_files_can_be_made_in_it(folder, is_kept, monkeypatch):
    monkeypatch.setenv("TMPDIR", folder)
    caller.drop_useless_folder()
    assert ("TMPDIR" in os.environ) is is_kept
    monkeypatch.delenv("TMPDIR", raising=False)
    caller.drop_useless_folder()


@pytest.mark.parametrize("name", ["PGPASSWORD", "PGSSLROOTCERT", "PGSERVICEFILE", "SSL_CERT_FILE"])
def test_workers_on_given_servers_get_the_connection_settings(name, monkeypatch):
    monkeypatch.setenv(name, "theirs")
    for program in programs(LIVE, Urls("amqps://mq.example", GIVEN), 1, "127.0.0.1:1", own_quote_server=False):
        assert program.environment[name] == "theirs"
    for program in programs(LIVE, Urls("amqp://127.0.0.1", OWN), 1, "127.0.0.1:1", own_quote_server=True):
        assert name not in program.environment


@pytest.mark.parametrize(
    "name",
    [
        *("DUMP_DIR", "REPLICA", "QUOTE_SERVER", "QUOTE_ATTEMPTS", "LOG_LEVEL", "SECRET_KEY", "FAULT_POINT"),
        *("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "FLASK_DEBUG"),
        *("http_proxy", "REQUESTS_CA_BUNDLE", "TZ", "LC_ALL", "MAKEFLAGS", "PGSSLMODE"),
    ],
)
def test_tests_and_their_processes_do_not_see_the_callers_variable(name):
    shell = {name: "1", "DATABASE_URL": OWN, "PATH": "/bin"}
    caller.leave_for_tests(shell)
    assert shell == {"DATABASE_URL": OWN, "PATH": "/bin"}


def test_tests_on_given_servers_reach_them_as_the_user_says():
    shell = {"PGPASSWORD": "theirs", "PGTZ": "Mars", "DATABASE_URL": GIVEN}
    caller.leave_for_tests(shell)
    assert shell == {"PGPASSWORD": "theirs", "DATABASE_URL": GIVEN}


def test_make_removes_variables_that_change_python_and_bash(tmp_path):
    startup = tmp_path / "startup"
    startup.write_text("echo noise; exit 3\n")
    shell = {"PYTHONHOME": "/nowhere", "PYTHONOPTIMIZE": "2", "PYTHONPATH": "/nowhere", "BASH_ENV": str(startup)}
    shell["PSYCOPG_IMPL"] = "nonsense"
    asked = ["make", "-f", ROOT / "Makefile", "-f", "-", "show"]
    recipe = "show:\n\t@env; python3 -c 'assert 0' 2>&1 | tail -1"
    done = subprocess.run(asked, env=os.environ | shell, input=recipe, capture_output=True, text=True, cwd=tmp_path)
    assert "AssertionError" in done.stdout, done.stderr
    assert not any(name in line.partition("=")[0] for line in done.stdout.splitlines() for name in shell)


def test_no_process_works_without_its_assertions():
    shell = {"AMQP_URL": "amqp://", "DATABASE_URL": "postgresql://"}
    start = f"from schema.settings import from_environment; from_environment({shell})"
    done = subprocess.run([sys.executable, "-O", "-c", start], cwd=ROOT, capture_output=True, text=True)
    assert "SettingsError: Python leaves out assertions" in done.stderr
