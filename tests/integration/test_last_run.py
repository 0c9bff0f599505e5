"""The last load test's data are kept until a new load test has begun, even if a new one fails to begin."""

import json
from collections.abc import Iterator

import psycopg
import pytest

from deploy.commands import runs
from deploy.servers import database, servers
from deploy.stack import record as stack
from deploy.stack.failure import StackError
from deploy.stack.paths import RECORD
from deploy.stack.profiles import LOADTEST, superuser_url, urls_of
from deploy.supervision import supervisor, workers

pytestmark = pytest.mark.alone  # it changes what the supervisor of the servers runs


@pytest.fixture
def record() -> Iterator[stack.Record]:
    record = stack.load()
    if not supervisor.running(record):
        pytest.skip("the servers were given, there is no supervisor")
    servers.ensure_database(record, LOADTEST)
    yield record
    for namespace in (1, 2):
        if namespace != record.loadtest_namespace:
            name = database.name_of(urls_of(record, LOADTEST, namespace).database)
            database.drop_database(superuser_url(record), name)


def test_the_last_runs_data_survive_workers_that_do_not_start(record, monkeypatch, tmp_path):
    """Servers and settings are fine; the workers do not start, which is the last step that can fail."""
    last = urls_of(record, LOADTEST).database

    def refuse(*_: object) -> None:
        raise StackError("no worker will start")

    monkeypatch.setattr(workers, "start", refuse)
    for variable in ("RATE", "REPORT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DUMP_DIR", str(tmp_path))
    monkeypatch.setenv("WORKLOAD", "workloads/tiny.txt")
    remembered = json.loads(RECORD.read_text())
    with psycopg.connect(last) as connection:
        (incarnation,) = connection.execute(_INCARNATION).fetchone()
    with pytest.raises(StackError, match="no worker will start"):
        runs.loadtest(record, replicas=1)
    with psycopg.connect(last) as connection:
        assert connection.execute(_INCARNATION).fetchone() == (incarnation,)
    assert json.loads(RECORD.read_text()) == remembered


_INCARNATION = "SELECT oid::bigint FROM pg_database WHERE datname = current_database()"
