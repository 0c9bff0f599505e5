"""The pool of a process's connections: limits, waits, failures, and that each loan begins with a clean session."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.pq import TransactionStatus
from psycopg_pool import PoolClosed, PoolTimeout

from database import postgres
from database.engines import engine_on
from database.pool import Pool
from schema.errors import StoreAway, StoreError

SETTINGS = "SELECT current_setting('application_name'), current_setting('work_mem'), current_setting('TimeZone')"

OTHER_SESSIONS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""


@pytest.fixture
def make(database_url: str) -> Iterator[Callable[..., Pool]]:
    """`make(connections_max, …)`: a pool on the test's database, closed afterwards."""
    with ExitStack() as made:
        yield lambda connections_max=1, url=database_url, **more: made.enter_context(
            closing(Pool(url, "test", connections_max, **more))
        )


@pytest.fixture
def end_all_sessions(database_url: str) -> Callable[[], int]:
    def end() -> int:
        with psycopg.connect(database_url, autocommit=True) as connection:
            return connection.execute(OTHER_SESSIONS).fetchone()[0]

    return end


def session_id(connection: psycopg.Connection) -> int:
    return connection.info.backend_pid


def test_a_connection_that_came_back_is_lent_again(make):
    pool = make(4)
    ids = set()
    for _ in range(3):
        with pool.lend() as connection:
            ids.add(session_id(connection))
    assert len(ids) == 1


def test_what_was_not_committed_is_rolled_back_and_the_next_loan_begins_with_a_clean_session(make):
    pool = make()
    with pool.lend() as connection:
        as_made, lent = connection.execute(SETTINGS).fetchone(), session_id(connection)
    with pool.lend({"application_name": "another", "work_mem": "32MB"}) as connection:
        assert connection.execute(SETTINGS).fetchone() == ("another", "32MB", "UTC")
        connection.execute("INSERT INTO accounts VALUES ('ann', true, 100, 0, 0)")
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("SELECT set_config('work_mem', '48MB', false)")
        connection.commit()
        connection.execute("SELECT 1")
    with pool.lend() as connection:
        assert session_id(connection) == lent
        assert connection.info.transaction_status == TransactionStatus.IDLE
        assert connection.execute(SETTINGS).fetchone() == as_made
        connection.execute("UPDATE accounts SET cash_cents = 0")
    with pool.lend() as connection:
        assert connection.execute("SELECT cash_cents FROM accounts").fetchone() == (100,)


def test_after_an_exception_the_connection_is_not_used_again(make):
    """Nobody knows the state of its session, and the server behind it may be a standby by now."""
    pool = make()
    ids = []
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), pool.lend() as connection:
            ids.append(session_id(connection))
            raise ZeroDivisionError
    assert ids[0] != ids[1]


def test_a_wait_for_a_connection_ends(make):
    pool = make(wait_seconds=0.05)
    with pool.lend(), pytest.raises(StoreAway, match=r"couldn't get a connection after 0\.05 sec"), pool.lend():
        pass
    with pool.lend() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("error", [PoolTimeout("no connection"), PoolClosed("closed")])
def test_a_pool_without_a_connection_means_not_now(error):
    with pytest.raises(StoreError) as raised, postgres.translated():
        raise error
    assert isinstance(raised.value, StoreAway)


def test_a_closed_pool_fails_whoever_waits_and_whoever_comes(make, wait_for):
    pool = make(wait_seconds=60)
    with pool.lend(), ThreadPoolExecutor(1) as other:
        waiting = other.submit(lambda: pool.lend().__enter__())
        wait_for(lambda: pool._pool.get_stats()["requests_waiting"] == 1)
        pool.close()
        assert isinstance(waiting.exception(), StoreAway)
    with pytest.raises(StoreAway, match="closed"), pool.lend():
        pass


def test_sessions_that_were_ended_while_nobody_used_them_are_replaced_at_once(make, end_all_sessions):
    """A restart of Postgres ends all sessions. The first loan after it finds one ended, and the pool replaces all."""
    pool = make(8)
    at_once = threading.Barrier(8)

    def use(_number: int) -> int:
        with pool.lend() as connection:
            at_once.wait(30)
            return connection.execute("SELECT 1").fetchone()[0]

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(use, range(8))) == 8
        for _ in range(2):
            assert end_all_sessions() >= 8
            with pool.lend() as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert sum(threads.map(use, range(8))) == 8


def test_a_connection_lost_in_use_leaves_its_place_to_a_new_one(make, end_all_sessions):
    pool = make()
    for _ in range(3):
        with pytest.raises(psycopg.OperationalError), pool.lend() as connection:
            end_all_sessions()
            connection.execute("SELECT 1")
    engine = engine_on(pool, "AUTOCOMMIT")
    for _ in range(3):
        with pytest.raises(Exception, match="terminat"), engine.connect() as connection:
            end_all_sessions()
            connection.exec_driver_sql("SELECT 1")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def test_whoever_waits_is_told_at_once_why_there_is_no_connection(make, database_url):
    """Postgres is unreachable: callers get the reason at once, and do not wait for their timeout."""
    pool = make(2, urlsplit(database_url)._replace(netloc="daytrade@127.0.0.1:1").geturl(), wait_seconds=60)
    with ThreadPoolExecutor(4) as threads:
        for failed in [threads.submit(lambda: pool.lend().__enter__()) for _ in range(8)]:
            reason = failed.exception(30).__cause__
            assert "refused" in str(reason) and not isinstance(reason, PoolTimeout)


def test_sqlalchemy_gives_connections_back_and_leaves_nothing_on_them(make):
    pool = make()
    engine = engine_on(pool, "REPEATABLE READ")
    ids = set()
    for _ in range(3):
        with engine.begin() as connection:
            driver = connection.connection.driver_connection
            ids.add(session_id(driver))
            assert len(driver._notice_handlers) == 1
            assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
    with pool.lend() as connection:
        ids.add(session_id(connection))
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
    assert len(ids) == 1


def test_what_sqlalchemy_invalidates_is_not_lent_again(make):
    engine = engine_on(make(), "AUTOCOMMIT")
    ids = []
    for _ in range(2):
        with engine.connect() as connection:
            ids.append(session_id(connection.connection.driver_connection))
            connection.invalidate()
    assert ids[0] != ids[1]
