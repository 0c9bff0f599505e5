"""Check of the setting names given to make: a name that nothing reads is a typing error and must be reported.

Otherwise `make loadtest WORKLAOD=file` would run another file, and replace the last run.
"""

import difflib
from collections.abc import Iterable

from deploy.stack import caller
from deploy.stack.failure import StackError
from deploy.stack.progress import say
from deploy.supervision import processes, site

GIVEN = "GIVEN_TO_MAKE"
"""Variable in which the Makefile passes the names given on make's command line."""

OF_COMMANDS = (
    *("AMQP_URL", "DATABASE_URL", "QUOTES", "QUOTE_SERVER", "DUMP_DIR", "REPLICAS", "WORKLOAD", "RATE", "REPORT"),
    *("PROFILE", "ARGS", "SEED", "ROUNDS", "AGAIN", "STATE", "HISTORY", "DUMP", "HEADS", "USER", "PASSWORD", "PRICES"),
    *(
        "PARTS",
        "FETCHES",
        "KILLS",
        "PLOT",
        "DETAIL",
        "FIRED",
        "ARMED",
        "COPIES",
        "RUNS",
        "CASES",
        "BARE_PATH",
        "JSON",
        "REPORT_HTML",
        "EARLIER",
    ),
    *("SECONDS", "POSTS", "STREAMS", "PEOPLE", "PAGES", "PYTHON", "EXISTING", "ROLE"),
    *("RABBITMQ_IMAGE", "POSTGRES_IMAGE"),
)
"""Names of the options of the stack's commands, and of the tools that they run in the foreground."""

OPTIONS = {*OF_COMMANDS, *processes.PASSED_ON, *site.PASSED_ON, *site.PORT_VARIABLES.values()}

OTHERS = (*caller.FOR_TESTS, *caller.FOR_GIVEN_SERVERS, "PYTHON", "PIP_", "LC_", "LANG")
"""Beginnings of variable names that other programs read."""

LIKENESS = 0.75
"""Least similarity at which one name counts as a misspelling of another; 1 is the same name."""


def refuse(names: Iterable[str]) -> None:
    """Raises StackError if a name is nearly that of an option; warns of other names that nothing reads."""
    for name in names:
        if name in OPTIONS or name.startswith(OTHERS):
            continue
        if meant := difflib.get_close_matches(name.upper(), sorted(OPTIONS), 1, LIKENESS):
            raise StackError(f"{name}: unknown setting; did you mean {meant[0]}?")
        say(f"{name}: unknown setting, ignored")
