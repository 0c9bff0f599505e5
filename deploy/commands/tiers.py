"""Test tiers: which folders of tests run together, what they need, and how many processes share them. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from deploy.stack.failure import StackError

ALL = "all"

SEVERAL_PROCESSES = ("--numprocesses=logical", "--maxprocesses=4", "--dist=loadfile")
"""pytest-xdist: one process per core. Only for tests without servers; tests on servers share a database and a vhost."""

ALL_SEEDS = {"DAYTRADE_CHAOS_SEEDS": "all"}
"""Setting of the chaos tests (tests/chaos/kept_round.py) to run every round, not only the few of `make test`."""


@dataclass(frozen=True)
class Tier:
    """One run of pytest. `environment` holds settings of the tests besides the servers' addresses."""

    name: str
    arguments: tuple[str, ...]
    servers: bool = True
    browser: bool = False
    environment: dict[str, str] = field(default_factory=dict)


UNIT = Tier("unit", (*SEVERAL_PROCESSES, "tests/unit", "tests/property", "tests/test_architecture.py"), servers=False)
INTEGRATION = Tier("integration", ("tests/integration", "tests/e2e"))
BROWSER = Tier("browser", ("tests/browser",), browser=True)
CHAOS = Tier("chaos", ("tests/chaos",))

TIERS = (ALL, UNIT.name, INTEGRATION.name, BROWSER.name, CHAOS.name)


def chosen(tier: str, arguments: Sequence[str]) -> tuple[Tier, ...]:
    """Returns the tiers to run, in order. `arguments` add to those of a named tier; for ALL, they choose the tests.

    The chaos tier runs every round if it is chosen by name. Raises StackError if there is no tier of that name.
    """
    if tier == ALL:
        return (Tier(ALL, tuple(arguments), browser=True),) if arguments else (UNIT, INTEGRATION, BROWSER, CHAOS)
    for one in (UNIT, INTEGRATION, BROWSER, CHAOS):
        if one.name == tier:
            environment = ALL_SEEDS if one is CHAOS else {}
            return (Tier(tier, (*one.arguments, *arguments), one.servers, one.browser, environment),)
    raise StackError(f"unknown tier of tests {tier}: choose one of {', '.join(TIERS)}")
