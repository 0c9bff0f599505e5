"""Processes of a stack, as data; no process is started."""

from pathlib import Path

import pytest

from deploy.stack.profiles import LIVE, LOADTEST, Urls
from deploy.supervision.processes import programs
from deploy.supervision.program import Program


@pytest.mark.parametrize("profile", [LIVE, LOADTEST])
def test_a_second_quote_cache_runs_as_standby_with_any_number_of_replicas(profile):
    made = programs(profile, Urls("amqp://", "postgresql://"), 3, "127.0.0.1:1", own_quote_server=False)
    names = [program.name.removeprefix(f"{profile}.") for program in made]
    assert [name for name in names if name.startswith("quotecache")] == ["quotecache-1", "quotecache-2"]
    assert sum(name.startswith("transactions") for name in names) == 3
    assert len({program.environment["REPLICA"] for program in made}) == len(made)


def test_workers_are_stopped_before_servers_and_the_audit_worker_last_of_them():
    made = programs(LIVE, Urls("amqp://", "postgresql://"), 2, "127.0.0.1:1", own_quote_server=True)
    *others, audit = sorted(made, key=lambda program: program.priority, reverse=True)
    assert audit.name == f"{LIVE}.audit"
    server = Program("postgres", ("postgres",), Path("log"), Path("/"))
    assert min(program.priority for program in others) > audit.priority > server.priority
