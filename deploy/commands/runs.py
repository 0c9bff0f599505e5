"""Commands that run something and clear up after it: load test, tests, benchmarks, and inspections of the last run."""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from deploy.commands import preconditions
from deploy.commands.driver import DriverProcess
from deploy.commands.tiers import SEVERAL_NAMESPACES, Tier
from deploy.servers import browser, needs, reverse_proxy, servers
from deploy.stack import profiles
from deploy.stack.failure import StackError
from deploy.stack.profiles import LIVE, LOADTEST, PROFILES, TEST, urls_of
from deploy.stack.progress import progress, say
from deploy.stack.record import GIVEN, Record
from deploy.supervision import foreground, modules, workers
from schema.grants import DatabaseRole

WORKLOAD_DEFAULT = "workloads/small.txt"

NUMBERS = (
    *("RATE", "ROUNDS", "REPLICAS", "FETCHES", "KILLS", "FIRED", "ARMED"),
    *("SECONDS", "POSTS", "STREAMS", "PEOPLE", "PAGES"),
)
"""Variables of the benchmarks whose values are whole numbers."""


def loadtest(record: Record, replicas: int) -> int:
    """Runs a load test with a fresh database, topology and workers. Returns the driver's exit code.

    All input is checked first. The last run's data are kept until this run publishes its first command.
    """
    settings = preconditions.require_workers(LOADTEST, replicas)
    preconditions.require_quote_server(settings)
    given = {"WORKLOAD": os.environ.get("WORKLOAD") or WORKLOAD_DEFAULT, "REPLICAS": str(replicas)}
    with foreground.interruptible(), DriverProcess(given) as driver:
        if (refusal := driver.refuses()) is not None:
            return refusal
        if servers.are_private(record):
            needs.require(with_broker=True, lines=driver.lines)
        with _servers_for_a_while(record, emptied=True):
            return _run_in_the_other_place(record, replicas, driver)


def _run_in_the_other_place(record: Record, replicas: int, driver: DriverProcess) -> int:
    """Runs the load test on the database and vhost that the last one did not use (`profiles.NAMESPACES`)."""
    servers.refuse_to_drop_anothers(record)
    before, namespace = urls_of(record, LOADTEST), profiles.other_namespace(record)
    urls = urls_of(record, LOADTEST, namespace)
    with progress("Creating a fresh database and topology"):
        servers.recreate_database(record, urls)
        modules.run_quietly(urls, "operators", "migrate")
        modules.run_quietly(urls, "operators", "declare", "--fresh")

    def begun() -> None:
        record.loadtest_namespace = namespace
        record.begun(LOADTEST)
        # Dropped now, so that autovacuum does not work on the old database during this run.
        with suppress(StackError):  # tried again below
            servers.drop_database(record, before)

    try:
        worker_settings = workers.start(record, LOADTEST, urls, replicas)
        measured = {"PROCESS_IDS": json.dumps(workers.process_ids(record, LOADTEST))}
        environment = urls.of_role(DatabaseRole.LOADTEST).environment | worker_settings | measured
        return driver.run(environment, begun, workers.WorkerWatch(record, LOADTEST).look)
    finally:
        with foreground.uninterrupted(), progress("Draining the workers"):
            workers.stop(record, LOADTEST)
            if record.loadtest_namespace == namespace:
                servers.drop_database(record, before)
                if before.amqp != urls.amqp:  # given servers have one vhost for all profiles
                    modules.run_quietly(before, "operators", "declare", "--remove")


def admin(record: Record, name: str, existing: bool) -> int:
    """Makes a person an administrator of the site, in the live database. `existing`: they are known to exist."""
    with _servers_for_a_while(record, only_postgres=True):
        servers.ensure_database(record, LIVE)
        urls = urls_of(record, LIVE)
        modules.run_quietly(urls, "operators", "migrate")
        flags = ("--existing",) if existing else ()
        return foreground.wait_for(modules.start(urls.environment, "operators", "admin", *flags, "--", name))


def bench(record: Record, what: str) -> int:
    """Runs a benchmark, a module of bench/. Each makes a database and starts the workers it needs."""
    preconditions.require_numbers(NUMBERS)
    if workload := os.environ.get("WORKLOAD"):
        preconditions.require_file(workload, "WORKLOAD")
    with _servers_for_a_while(record, emptied=True):
        servers.ensure_database(record, TEST)
        return foreground.wait_for(modules.start(urls_of(record, TEST).environment, f"bench.{what}"))


def what_if(record: Record, user: str, prices: str) -> int:
    """Shows which trigger orders of the profile that ran last would have fired at recorded prices."""
    return _look_back(
        record, DatabaseRole.READER, "operators", "what-if", "--prices", prices, "--", user, only_postgres=True
    )


def tests(record: Record, tiers: Sequence[Tier]) -> int:
    """Runs each tier, even after one that failed. Returns the exit code of the first failed one, else 0."""
    if any(tier.browser for tier in tiers):
        browser.ensure()
    on_servers = any(tier.servers for tier in tiers)
    if on_servers:
        reverse_proxy.ensure()
    with _servers_for_a_while(record, emptied=True) if on_servers else foreground.interruptible():
        if on_servers:
            servers.ensure_database(record, TEST)
        failed = {tier.name: code for tier in tiers if (code := _run_tier(record, tier))}
    if failed and len(tiers) > 1:
        say(f"Tests failed in: {', '.join(failed)}")
    return next(iter(failed.values()), 0)


def _run_tier(record: Record, tier: Tier) -> int:
    urls = urls_of(record, TEST).environment if tier.servers else {}
    several = SEVERAL_NAMESPACES if tier.shared and record.kind != GIVEN else ()  # given servers have one namespace
    return foreground.wait_for(modules.start(urls | tier.environment, "pytest", *several, *tier.arguments))


def chaos(record: Record, arguments: list[str]) -> int:
    """Runs chaos on the tests' database and vhost. It kills this stack's servers, and supervisord restarts them."""
    with _servers_for_a_while(record, emptied=True):
        servers.ensure_database(record, TEST)
        environment = urls_of(record, TEST).environment
        return foreground.wait_for(modules.start(environment, "tests.chaos", *arguments))


def export(record: Record, what: str, file: str) -> int:
    """Writes the state or the history (`what`) of the profile that ran last to `file`."""
    return _look_back(record, DatabaseRole.READER, "operators", what, "--", file, only_postgres=True)


def verify(record: Record) -> int:
    """Verifies the profile that ran last; returns 0 if every invariant holds. It reads DUMP and HEADS."""
    return _look_back(record, DatabaseRole.READER, "operators", "verify", only_postgres=True)


def replay(record: Record) -> int:
    """Replays the streams of the profile that ran last and compares the result with its database."""
    return _look_back(record, None, "operators", "replay")


def dead_letters(record: Record) -> int:
    """Lists the dead letters of the profile that ran last."""
    return _look_back(record, DatabaseRole.READER, "operators", "dead-letters", "list", only_postgres=True)


def _look_back(
    record: Record, role: DatabaseRole | None, module: str, *arguments: str, only_postgres: bool = False
) -> int:
    """Runs a module on the data of the last run, with a role's rights; None: with the rights of the tables' owner.

    Raises StackError if there are no data, or on other servers.
    """
    if record.last_profile not in PROFILES:
        raise StackError("nothing has run in this checkout: run `make up` or `make loadtest` first")
    with _servers_for_a_while(record, only_postgres):
        if record.kind != record.kind_of_last_run:
            raise StackError("the last run used other servers: set or unset AMQP_URL and DATABASE_URL as in that run")
        urls = urls_of(record, record.last_profile)
        environment = (urls.of_role(role) if role else urls).environment
        return foreground.wait_for(modules.start(environment, module, *arguments))


@contextmanager
def _servers_for_a_while(record: Record, only_postgres: bool = False, emptied: bool = False) -> Iterator[None]:
    """Starts the servers for the block. Servers that ran before keep running afterwards; others are always stopped.

    `emptied`: the command in the block begins by emptying its streams.
    """
    ran_before = servers.running(record)
    with foreground.interruptible():
        try:
            servers.start(record, only_postgres)
            if emptied:
                servers.refuse_to_empty_live_streams(record)
            yield
        finally:
            if not ran_before:
                with foreground.uninterrupted(), progress("Stopping the servers"):
                    servers.stop(record)
