"""Test tiers: which folders of tests run together, what they need, and how many processes share them. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from deploy.stack.failure import StackError
from deploy.stack.profiles import TEST_NAMESPACES

ALL = "all"

SEVERAL_PROCESSES = ("--numprocesses=logical", "--maxprocesses=4")
"""pytest-xdist: one process per core, for tests without servers. Their distribution: tests/sharing.py."""

SEVERAL_NAMESPACES = (f"--numprocesses={len(TEST_NAMESPACES)}", "--max-worker-restart=0", "--no-loadscope-reorder")
"""pytest-xdist: one process per database and vhost. More would slow down tests with limits."""

ALONE, NOT_ALONE = ("-m", "alone"), ("-m", "not alone")
"""Tests with this mark change what the servers of all tests do, or measure time; they run after all others."""

ALL_SEEDS = {"DAYTRADE_CHAOS_SEEDS": "all"}
"""Setting of the chaos tests (tests/chaos/shared_round.py) to run every round, not only the few of `make test`."""


@dataclass(frozen=True)
class Tier:
    """One run of pytest. `environment` holds settings of the tests besides the servers' addresses.

    `shared`: several processes share the tests, where the servers have a database and a vhost for each.
    """

    name: str
    arguments: tuple[str, ...]
    servers: bool = True
    browser: bool = False
    shared: bool = False
    environment: dict[str, str] = field(default_factory=dict)


_INTEGRATION = ("tests/integration", "tests/e2e")
_BROWSER = ("tests/browser",)
_CHAOS = ("tests/chaos",)

UNIT = Tier("unit", (*SEVERAL_PROCESSES, "tests/unit", "tests/property", "tests/test_architecture.py"), servers=False)
INTEGRATION = Tier("integration", _INTEGRATION)
BROWSER = Tier("browser", _BROWSER, browser=True)
CHAOS = Tier("chaos", _CHAOS, environment=ALL_SEEDS)

FUZZ = Tier(
    "fuzz",
    (
        "tests/property/test_engine_against_model.py",
        "tests/property/test_conservation.py",
        "tests/integration/web/test_web_api.py",
        "--timeout=0",
    ),
)
"""Tests that `make fuzz` runs with many more examples: DAYTRADE_FUZZ_RUNS (tests/fuzz/runs.py)."""

TIERS = (ALL, UNIT.name, INTEGRATION.name, BROWSER.name, CHAOS.name, FUZZ.name)

SHARED_INTEGRATION = Tier("integration", (*_INTEGRATION, *NOT_ALONE), shared=True)
ALONE_INTEGRATION = Tier("integration, alone", (*_INTEGRATION, *ALONE))
SHARED = Tier("integration and browser", (*_INTEGRATION, *_BROWSER, *NOT_ALONE), browser=True, shared=True)


def chosen(tier: str, arguments: Sequence[str]) -> tuple[Tier, ...]:
    """Returns the tiers to run, in order. `arguments` add to those of a named tier; for ALL, they choose the tests.

    With arguments one process runs all tests on servers. The chaos tier runs every round if it is chosen by name.
    Raises StackError if there is no tier of that name.
    """
    if tier == ALL:
        if arguments:
            return (Tier(ALL, tuple(arguments), browser=True),)
        return UNIT, SHARED, ALONE_INTEGRATION, replace(CHAOS, environment={})
    if tier == INTEGRATION.name and not arguments:
        return SHARED_INTEGRATION, ALONE_INTEGRATION
    for one in (UNIT, INTEGRATION, BROWSER, CHAOS, FUZZ):
        if one.name == tier:
            return (replace(one, arguments=(*one.arguments, *arguments)),)
    raise StackError(f"unknown tier of tests {tier}: choose one of {', '.join(TIERS)}")
