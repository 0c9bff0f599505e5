"""The caller's environment: which of its variables reach the processes that this stack starts.

Workers get a list of names (`processes.PASSED_ON`). What runs in the foreground gets all but what is listed here, for
its options are variables. libpq's variables are sorted out where a connection is opened (database/libpq_urls.py).
"""

import os
from collections.abc import Mapping, MutableMapping

from database import libpq_urls

FOR_SERVERS = ("PATH", "HOME", "USER", "TMPDIR")

NOT_PASSED_ON = (
    "REPLICA",  # the name of one process: a second one of that name ends the first one's sessions
    "PSYCOPG_IMPL",  # another build of psycopg than the one that is installed
    *("FAULT_POINT", "SABOTAGE"),  # they make a process die, or leave out a defence; tests set them for one process
)

NOT_PASSED_ON_BEGINNINGS = ("PYTHON", "PYTEST_")
"""They change which code runs, and whether it asserts."""

FOR_GIVEN_SERVERS = (libpq_urls.VARIABLES, "SSL_CERT_", "KRB5")
"""Beginnings of names: how to reach servers that the user gave, and how to believe them."""

FOR_TESTS = (
    *("PATH", "LD_", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "XDG_", "CI", "PYTHONUTF8"),
    *("TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"),
    *("PYTEST_", "PY_COLORS", "COVERAGE_", "HYPOTHESIS_", "PLAYWRIGHT_", "PWDEBUG"),
    *("AMQP_URL", "DATABASE_URL", "DAYTRADE_"),
)
"""Beginnings of names: all that tests may see, so that they end alike in every shell."""


def drop_useless_folder() -> None:
    """Drops a TMPDIR in which no file can be made: not every program then looks for another folder."""
    folder = os.environ.get("TMPDIR")
    if folder is not None and not (os.path.isabs(folder) and os.access(folder, os.W_OK | os.X_OK)):
        del os.environ["TMPDIR"]


def for_servers() -> dict[str, str]:
    """Little: a variable of the shell that happened to start the stack must not change how a server behaves."""
    return {name: os.environ[name] for name in FOR_SERVERS if name in os.environ} | {"LANG": "C.UTF-8"}


def for_modules() -> dict[str, str]:
    """For a module of this project that runs for the caller and reads its options from the environment."""
    passed_on = {
        name: value
        for name, value in os.environ.items()
        if name not in NOT_PASSED_ON
        and not name.startswith(NOT_PASSED_ON_BEGINNINGS)
        and not name.lower().endswith("_proxy")  # we speak http with ourselves alone
    }
    return passed_on | {"PYTHONUTF8": "1"}  # files and terminals are UTF-8 whatever LC_ALL says


def for_given_servers(database_url: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a worker needs besides the URLs; empty where the servers are ours."""
    if libpq_urls.is_own_server(database_url):
        return {}
    return _beginning_with(FOR_GIVEN_SERVERS, environment)


def leave_for_tests(environment: MutableMapping[str, str] = os.environ) -> None:
    """Drops what tests, and the processes that they start, may not see. They find the servers' URLs in there."""
    url = environment.get("DATABASE_URL", "")
    kept = _beginning_with(FOR_TESTS, environment) | for_given_servers(url, environment)
    for name in environment.keys() - kept.keys():
        del environment[name]
    libpq_urls.drop_libpq_variables(url, environment)


def _beginning_with(beginnings: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(beginnings)}
