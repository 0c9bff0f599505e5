"""Filter of the caller's environment: which variables reach the processes that this stack starts.

Workers get only listed variables (`processes.PASSED_ON`). A process in the foreground takes its options from variables,
so it gets all but those listed here. Code that opens a connection handles libpq's variables (database/libpq_urls.py).
"""

import os
from collections.abc import Mapping, MutableMapping

from database import libpq_urls

FOR_SERVERS = ("PATH", "HOME", "USER", "TMPDIR")

NOT_PASSED_ON = (
    "REPLICA",  # name of one process: a second process with the same name ends the sessions of the first
    "PSYCOPG_IMPL",  # selects a build of psycopg that may not be installed
    "FAULT_POINT",  # kills a process; tests set it for one process
)

NOT_PASSED_ON_BEGINNINGS = ("PYTHON", "PYTEST_")
"""Beginnings of variable names: variables that change which code runs, or whether assertions are active."""

FOR_GIVEN_SERVERS = (libpq_urls.VARIABLES, "SSL_CERT_", "KRB5")
"""Beginnings of variable names: how to reach given servers, and which certificates to trust."""

FOR_TESTS = (
    *("PATH", "LD_", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_", "CI", "PYTHONUTF8"),
    *("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
    *("PYTEST_", "PY_COLORS", "COVERAGE_", "HYPOTHESIS_", "PLAYWRIGHT_", "PWDEBUG"),
    *("AMQP_URL", "DATABASE_URL", "DAYTRADE_"),
)
"""Beginnings of variable names: all that tests may see, so that their results are the same in every shell."""


def drop_useless_folder() -> None:
    """Unsets TMPDIR if no file can be made there: some programs would fail instead of using another folder."""
    folder = os.environ.get("TMPDIR")
    if folder is not None and not (os.path.isabs(folder) and os.access(folder, os.W_OK | os.X_OK)):
        del os.environ["TMPDIR"]


def for_servers() -> dict[str, str]:
    """Returns the few variables that servers get, so that they behave the same whatever shell starts the stack."""
    return {name: os.environ[name] for name in FOR_SERVERS if name in os.environ} | {"LANG": "C.UTF-8"}


def for_modules() -> dict[str, str]:
    """Returns the environment of a foreground module of this project; it reads its options from the environment."""
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if name not in NOT_PASSED_ON
        and not name.startswith(NOT_PASSED_ON_BEGINNINGS)
        and not name.lower().endswith("_proxy")  # this project speaks HTTP only with its own processes
    }
    return passed_on | {"PYTHONUTF8": "1"}  # UTF-8 for files and terminals, whatever LC_ALL says


def for_given_servers(database_url: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns the variables that a worker needs besides the URLs; none for this stack's own servers."""
    if libpq_urls.is_own_server(database_url):
        return {}
    return _beginning_with(FOR_GIVEN_SERVERS, environment)


def leave_for_tests(environment: MutableMapping[str, str] = os.environ) -> None:
    """Removes variables that tests, and processes that they start, may not see. The servers' URLs remain."""
    url = environment.get("DATABASE_URL", "")
    kept = _beginning_with(FOR_TESTS, environment) | for_given_servers(url, environment)
    for name in environment.keys() - kept.keys():
        del environment[name]
    libpq_urls.drop_libpq_variables(url, environment)


def _beginning_with(beginnings: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(beginnings)}
