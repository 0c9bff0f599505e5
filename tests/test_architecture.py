"""Rules of the layout: allowed imports, a core without I/O, the length of files.

Reads the files with `ast` and never imports them, so an import inside a function counts as well.
"""

import ast
import itertools
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.for_each import for_each

ROOT = Path(__file__).resolve().parent.parent

LINES_PER_FILE_MAX, LINES_PER_FUNCTION_MAX = 300, 70

FLOORS = (
    ("schema",),
    ("runtime",),
    ("database", "workloads"),
    ("rabbitmq",),
    ("ownership", "verification"),
    ("quotecache", "producers"),
    ("consumers.transactions", "consumers.triggers", "consumers.audit", "webapp", "loadtest"),
    ("deploy.stack",),
    ("deploy.supervision",),
    ("deploy.servers",),
    ("deploy.commands",),
    ("bench", "operators", "client"),
)
"""Folders ("rooms") by floor, the lowest first. A room imports from lower floors only, not from its own one."""

MAY_IMPORT: dict[str, set[str]] = {
    "verification": {"schema", "runtime", "database"},
    "webapp": {"schema", "runtime", "database", "rabbitmq", "producers.command_publisher", "quotecache.quote_cost"},
    # deploy/ checks the settings of all processes with the same code as each process.
    "deploy": {"deploy", "schema", "runtime", "database", "webapp.settings", "quotecache.recorded"}
    | {"rabbitmq.rights", "rabbitmq.roles"},
    "bench": {room for floor in FLOORS for room in floor if not room.startswith("deploy")} | {"deploy.stack.ports"},
    # The client knows the API only, and is installed without the rest.
    "client": set(),
    # The operators' command line also works without the local stack, so it knows neither deploy/ nor bench/.
    "operators": {room for floor in FLOORS for room in floor if not room.startswith(("deploy", "bench"))},
}
"""Folders that may import only a part of the lower floors, with that part.

Verification shares no code with what it judges. The site reaches the other processes only by messages.
"""

PACKAGES = {room.partition(".")[0] for floor in FLOORS for room in floor}
TOP_LEVEL = PACKAGES | {
    *("tests", "docs", "daytradectl", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("SECURITY.md", "requirements.in", "requirements-tools.in", "requirements-tools.txt"),
    *("requirements-fuzz.in", "requirements-fuzz.txt"),
    *("Makefile", "requirements.txt", "pyproject.toml", ".ci", ".pre-commit-config.yaml"),
}

WEB = (
    *("flask", "flask_wtf", "flask_limiter", "wtforms", "werkzeug", "markupsafe", "argon2"),
    *("waitress", "starlette", "uvicorn"),
)

HOMES: dict[str, set[str]] = {
    "msgspec": PACKAGES,
    "structlog": PACKAGES - {"schema", "deploy"},
    "pika": {"rabbitmq"},
    "prometheus_client": {"runtime.metrics"},
    "psycopg_pool": {"database.pool"},
    "psutil": {"deploy.servers", "deploy.supervision.site", "bench", "loadtest.process_cpu"},
    "psycopg": {
        *("database", "schema.migrations", "rabbitmq.dead_letters"),
        *("ownership", "verification", "consumers", "quotecache", "deploy", "webapp", "bench", "operators"),
    },
    "sqlalchemy": {
        *("schema.tables", "schema.dump_tables", "schema.log_tables", "schema.quote_tables", "schema.web_tables"),
        *("schema.migrations", "database", "webapp", "bench"),
    },
    "alembic": {"database.migrate", "schema.migrations"},
    "sortedcontainers": {"consumers.triggers"},
    "supervisor": {"deploy"},
    "rich": {
        *("deploy", "loadtest", "producers", "verification", "consumers.transactions.replay", "bench", "operators")
    },
    "typer": {"deploy", "operators", "client"},
    **{library: {"client"} for library in ("daytrade_client", "httpx")},
    "lxml": {"verification"},
    **{library: {"webapp"} for library in ("zxcvbn", "limits", "itsdangerous")},
    # Zstandard is in Python's own library from 3.14 on.
    **{library: {"producers.workload_input"} for library in ("backports", "compression")},
    **{library: {"webapp", "bench"} for library in WEB},
}
"""Modules and folders that may import each library. A library that is not listed may be imported nowhere."""

PURE = {
    *(f"schema.{name}" for name in ("bounds", "money", "outcomes", "errors", "commands", "events", "arguments")),
    *(f"schema.{name}" for name in ("codec", "filenames", "chain", "accounts", "history", "dead_letters")),
    *(f"consumers.transactions.{name}" for name in ("account", "verdict", "funds", "pending_rules", "trigger_rules")),
    *(f"consumers.transactions.{name}" for name in ("engine", "entries", "look_ahead", "progress", "scheduler")),
    *(f"consumers.transactions.{name}" for name in ("batch", "intake", "outgoing", "partition_state", "sources")),
    *(f"consumers.transactions.{name}" for name in ("copies", "turn")),
    *(f"consumers.triggers.{name}" for name in ("book", "watch", "turn")),
    *(f"consumers.audit.{name}" for name in ("batch", "numbering", "copy_lines", "dump_xml")),
    *(f"quotecache.{name}" for name in ("budgets", "cache", "pending_quotes", "protocol", "quote_cost", "quote_floor")),
    "ownership.deadlines",
}
"""The pure core: everything that decides about money, order, quotes or the log. Time is an argument; no I/O."""

READERS_OF_THE_ENVIRONMENT = {
    *("consumers.audit.__main__", "ownership.process", "quotecache.__main__", "quotecache.simulator"),
    *("producers.market_simulation", "database.libpq_urls", "runtime.faults"),
}
"""Modules of the workers and lower floors that read environment variables: settings, addresses, fault points."""

IMPURE = {
    *("time", "datetime", "random", "secrets", "socket", "select", "selectors", "asyncio", "threading", "subprocess"),
    *("os", "io", "pathlib", "signal", "logging", "structlog", "psycopg", "sqlalchemy", "pika"),
}

DATA_OF_THE_SHELL = {f"rabbitmq.{name}" for name in ("stream_consumer", "publisher", "topology", "roles")}
"""Modules with I/O from which the core imports a data class or a constant: Delivery, Outgoing, exchanges, senders."""

NAMES_OF_NOTHING = {"util", "utils", "common", "helper", "helpers", "base", "manager", "managers", "misc"}

NAMES_OF_TWO_CLASSES: dict[str, str] = {}
"""Class names that occur twice, each with the reason; at most three. Any other name finds exactly one class."""

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in sorted(PACKAGES | {"tests"})
    for path in sorted((ROOT / folder).rglob("*.py"))
}
"""Every Python file of the project by the name of its module."""

MODULES = sorted(name for name in FILES if name.partition(".")[0] in PACKAGES)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(FILES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of this project that a module imports, and the top packages of the other libraries."""
    names = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: a relative import"
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in FILES else node.module for name in inner}
    return frozenset(name if name in FILES else name.partition(".")[0] for name in names)


def names(module: str) -> set[str]:
    """Names and attributes that a module's code uses."""
    nodes = list(ast.walk(tree(module)))
    imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return imported | used | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def taken_from(module: str, other: str) -> set[str]:
    """Names that a module imports from another one."""
    nodes = (node for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom) and node.module == other)
    return {alias.name for node in nodes for alias in node.names}


def is_inside(module: str, folder: str) -> bool:
    return module == folder or module.startswith(folder + ".")


def is_internal(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES | {"tests"}


def room_of(module: str) -> str | None:
    """The room that a module is in; None for the packages that only hold rooms."""
    return next((room for floor in FLOORS for room in floor if is_inside(module, room)), None)


@for_each(MODULES)
def test_a_module_imports_only_from_floors_below(module):
    room = room_of(module)
    below = {beneath for floor in itertools.takewhile(lambda floor: room not in floor, FLOORS) for beneath in floor}
    found = {room_of(name) for name in imports(module) if is_internal(name)} - {room, None}
    assert not found - below, f"{module} may not import from {sorted(found - below)}"


@for_each(MODULES)
def test_a_module_imports_of_the_project_only_what_its_room_may(module):
    for folder, may in MAY_IMPORT.items():
        if is_inside(module, folder):
            internal = {name for name in imports(module) if is_internal(name)}
            refused = sorted(name for name in internal if not any(is_inside(name, entry) for entry in may | {folder}))
            assert not refused, f"{module} may not import {refused}"


@for_each(MODULES)
def test_a_module_imports_only_libraries_that_have_a_home_there(module):
    libraries = {name for name in imports(module) if not is_internal(name) and name not in sys.stdlib_module_names}
    refused = sorted(name for name in libraries if not any(is_inside(module, home) for home in HOMES.get(name, ())))
    assert not refused, f"{module} may not import {refused}"


def test_every_folder_is_a_room():
    holders = {module for module in MODULES if room_of(module) is None}
    assert holders == {"consumers", "deploy", "deploy.__main__"}


def test_no_import_goes_in_a_circle():
    graph = {module: {name for name in imports(module) if name in FILES} - {module} for module in FILES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from error


@for_each(sorted(PURE))
def test_the_core_has_no_io_and_no_clock(module):
    assert module in FILES, f"{module} is gone: strike it from the list"
    assert not imports(module) & IMPURE


@for_each(sorted(PURE))
def test_the_core_imports_of_the_project_only_the_core(module):
    internal = {name for name in imports(module) if is_internal(name) and FILES[name].name != "__init__.py"}
    assert not internal - PURE - DATA_OF_THE_SHELL


@for_each(sorted(PURE))
def test_the_core_has_no_global_state_and_no_floats(module):
    for node in ast.walk(tree(module)):
        is_float = (
            (isinstance(node, ast.Constant) and isinstance(node.value, float))
            or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
            or (isinstance(node, ast.Name) and node.id == "float")
        )
        assert not is_float, f"{module}:{node.lineno}"
        assert not isinstance(node, ast.Global), f"{module}:{node.lineno}"


def test_no_variable_can_take_a_defence_away():
    """No environment variable switches off the fence, the outbox, the look-up or the numbering; a test that needs a
    process without one patches it (tests/chaos/unfenced.py)."""
    workers = {"consumers", *(room for floor in FLOORS[:6] for room in floor)}
    inside = {module for module in MODULES if any(is_inside(module, room) for room in workers)}
    readers = {module for module in inside if names(module) & {"environ", "environb", "getenv", "getenvb"}}
    assert readers == READERS_OF_THE_ENVIRONMENT
    taken = {name for module in MODULES for name in taken_from(module, "runtime.faults")}
    assert taken == {"strike"}
    assert not [module for module in MODULES if "sabotage" in FILES[module].read_text(encoding="utf-8").lower()]


@for_each(sorted(FILES))
def test_every_module_has_a_docstring(module):
    is_empty_package_of_tests = is_inside(module, "tests") and FILES[module].stat().st_size == 0
    assert is_empty_package_of_tests or ast.get_docstring(tree(module)), f"{module} has no docstring"


@for_each(sorted(FILES))
def test_no_file_is_too_long(module):
    lines = FILES[module].read_text(encoding="utf-8").count("\n")
    assert lines <= LINES_PER_FILE_MAX, f"{module} has {lines} lines"


@for_each(sorted(name for name in FILES if not is_inside(name, "schema.migrations")))
def test_no_function_is_too_long(module):
    """Migrations are left out: a revision is one list of statements."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= LINES_PER_FUNCTION_MAX, f"{module}.{node.name} has {lines} lines"


def test_a_class_name_means_one_thing():
    modules: dict[str, list[str]] = {}
    for module in FILES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ClassDef):
                modules.setdefault(node.name, []).append(module)
    repeated = {name: places for name, places in modules.items() if len(places) > 1}
    assert repeated.keys() == NAMES_OF_TWO_CLASSES.keys(), repeated
    assert len(NAMES_OF_TWO_CLASSES) <= 3


@for_each(sorted(FILES))
def test_no_module_has_a_name_that_says_nothing(module):
    assert not set(module.split(".")) & NAMES_OF_NOTHING


def test_the_top_level_is_as_the_design_says():
    ignored = {line.strip("/\n") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()}
    there = {path.name for path in ROOT.iterdir()} - ignored - {".git", ".gitignore"}
    assert there == TOP_LEVEL
