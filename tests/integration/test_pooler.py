"""A pooler before Postgres (pgbouncer in transaction mode) is refused in one line that says what to do."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from database.migrate import migrate
from database.pool import Pool
from database.postgres import connect
from database.retrying import RetryingDatabase
from schema.errors import StoreError
from tests.integration.pooler import Pooler
from webapp.store import Store
from webapp.unavailable import Unavailable


def by_worker(url: str) -> None:
    with closing(Pool(url, "test", 1)) as pool, pool.lend():
        pass


def by_patient_reader(url: str) -> None:
    with closing(RetryingDatabase(url, patience_seconds=0)) as database:
        database.value("SELECT 1")


def by_operator(url: str) -> None:
    connect(url, "test").close()


@pytest.fixture(params=[True, False], ids=["refuses", "ignores"])
def pooler(request, database_url) -> Iterator[Pooler]:
    pooler = Pooler(database_url, refuses=request.param)
    yield pooler
    pooler.close()


@pytest.mark.parametrize("ask", [by_worker, by_patient_reader, by_operator, migrate])
def test_a_pooler_that_does_not_keep_the_limits_of_sessions_is_refused(pooler, ask) -> None:
    with pytest.raises(StoreError, match=r"^[^\n]*name the Postgres server itself$"):
        ask(pooler.url)


def test_the_site_is_unavailable_behind_such_a_pooler(pooler) -> None:
    with closing(Store(pooler.url, 1)) as store, pytest.raises(Unavailable) as refused:
        store.row("SELECT 1")
    assert "startup parameter" in str(refused.value.__cause__) or "pooler" in str(refused.value.__cause__)
