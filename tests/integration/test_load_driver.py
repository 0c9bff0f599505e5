"""Waits of the load driver: for workers, and for triggers to settle. None is endless."""

import time
from functools import partial

import psycopg
import pytest
from rich.console import Console

from database.retrying import RetryingDatabase
from loadtest import backlog as backlog_module
from loadtest import completion as completion_module
from loadtest import dump_figures
from loadtest.backlog import Backlog
from loadtest.completion import Completion, baseline_of, unready
from loadtest.display import display_for
from loadtest.driver import LoadDriver, Stalled
from loadtest.process_cpu import ProcessCpu
from loadtest.run import Run
from producers.command_publisher import CommandPublisher
from producers.workload import Workload
from producers.workload_input import WorkloadInput
from rabbitmq.connection import open_connection
from schema.bounds import INT64_MAX
from schema.commands import PARTITIONS, command_id, partition_of
from tests import forging

NOTHING_MEASURED = ProcessCpu({})
SOURCE = 7


@pytest.fixture
def database(database_url):
    database = RetryingDatabase(database_url)
    yield database
    database.close()


@pytest.fixture
def connection(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        forging.allow(connection)
        yield connection


def test_a_query_is_repeated_after_its_connection_was_lost(database, connection):
    assert database.value("SELECT 1") == 1
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s",
        (connection.info.backend_pid,),
    )
    assert database.value("SELECT 2") == 2


def _completion(database: RetryingDatabase, published: int = 0, last_ms: int = 0) -> Completion:
    sent, sent_ms = [0] * PARTITIONS, [0] * PARTITIONS
    sent[partition_of("u")] = published  # each in a message of its own
    sent_ms[partition_of("u")] = last_ms
    return Completion(database, Run(SOURCE, "test.txt", baseline_of(database), published=published), sent, sent_ms)


def _own_everything(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE partitions SET owner = 'a', lease_until = clock_timestamp() + interval '1 minute'")


def test_a_run_waits_for_an_owner_of_every_partition(database, connection):
    assert "16 partitions of transactions have no owner" in unready(database, 1)
    _own_everything(connection)
    assert unready(database, 1) == unready(database, None) == ""


def test_a_lease_that_ran_out_is_no_ownership(database, connection):
    _own_everything(connection)
    connection.execute("UPDATE partitions SET lease_until = now() - interval '1 s' WHERE consumer_group = 'audit'")
    assert unready(database, 1) == "1 partitions of audit have no owner"


def test_a_run_waits_for_all_its_replicas(database, connection):
    _own_everything(connection)
    assert unready(database, 2) == "1 of 2 replicas of transactions have partitions"
    connection.execute("UPDATE partitions SET owner = 'b' WHERE partition < 8")
    assert unready(database, 2) == ""


def _write_history(connection: psycopg.Connection, lines: range, kind: str = "command") -> None:
    for line in lines:
        connection.execute(
            """INSERT INTO history VALUES ('u', %s, %s, %s, 1, 'ADD', null, null, null, 'done', null,
            0, 0, 0, 0, null, 0, 0)""",
            (line, kind, command_id(SOURCE if kind == "command" else SOURCE + 1, line)),
        )
    connection.execute(
        """INSERT INTO accounts VALUES ('u', true, 0, 0, %s)
        ON CONFLICT (user_id) DO UPDATE SET history_seq = excluded.history_seq""",
        (lines[-1],),
    )


def _pass(connection: psycopg.Connection, messages: int, taken_ms: int = INT64_MAX) -> None:
    connection.execute(
        """UPDATE partitions SET next_offset = %s, high_offset = %s, taken_ms = %s
        WHERE consumer_group = 'transactions' AND partition = %s""",
        (messages, messages - 1, taken_ms, partition_of("u")),
    )


def test_execution_is_complete_only_when_every_command_has_its_row(database, connection, wait_for):
    completion = _completion(database, published=5)
    _write_history(connection, range(1, 4))
    _write_history(connection, range(4, 6), kind="fill")
    _pass(connection, 5)
    assert completion.executed() == 3
    assert completion.executed_about() == 4, "an estimate counts the fills, and never says that all is done"
    _write_history(connection, range(6, 8))
    wait_for(lambda: completion.executed() == 5)


def test_executed_commands_are_not_counted_before_every_message_is_passed(database, connection):
    completion = _completion(database, published=5)
    _write_history(connection, range(1, 6))
    _pass(connection, 4)
    assert completion.executed() == 0
    before = completion.progress()
    _pass(connection, 5)
    assert completion.executed() == 5
    assert completion.progress() > before


def test_executed_commands_are_counted_as_soon_as_the_last_message_is_taken_and_nothing_waits(
    database, connection, monkeypatch
):
    """Fills pass too: at their offsets the run's last commands may still be on their way."""
    monkeypatch.setattr(completion_module, "UNSURE_SECONDS", 3600)
    completion = _completion(database, published=2, last_ms=1_000)
    _write_history(connection, range(1, 3))
    _pass(connection, 2, taken_ms=999)
    assert completion.executed() == 0, "a count of all rows takes seconds from a large run, so none is made too early"
    connection.execute("UPDATE partitions SET taken_ms = 1000, high_offset = high_offset + 1")
    assert completion.executed() == 0, "a command that was taken waits for a quote"
    connection.execute("UPDATE partitions SET next_offset = high_offset + 1")
    assert completion.executed() == 2


def test_a_worker_whose_clock_is_behind_does_not_keep_a_run_from_its_end(database, connection, wait_for, monkeypatch):
    monkeypatch.setattr(completion_module, "UNSURE_SECONDS", 0.1)
    completion = _completion(database, published=2, last_ms=1_000)
    _write_history(connection, range(1, 3))
    _pass(connection, 2, taken_ms=999)
    wait_for(lambda: completion.executed() == 2)


def test_rows_from_before_the_run_do_not_count(database, connection):
    _write_history(connection, range(1, 4), kind="fill")
    completion = _completion(database, published=2)
    _pass(connection, 2)
    assert completion.executed() == completion.executed_about() == 0


QUOTE = "INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms, price_cents,"


@pytest.mark.parametrize(
    ("side", "trigger_cents", "price_cents", "age_ms", "unsettled"),
    [
        ("buy", 500, 501, 0, 0),
        ("buy", 500, 500, 0, 1),
        ("buy", 500, 501, 61_000, 1),
        ("buy", 2_000, 1_500, 0, 0),  # satisfied, but not enough for one share, so it stays armed
        ("buy", None, 1, 0, 0),
        ("sell", 500, 499, 0, 0),
        ("sell", 500, 500, 0, 1),
        ("sell", 500, None, 0, 1),
    ],
)
def test_triggers_have_settled_when_no_current_quote_satisfies_one(
    database, connection, side, trigger_cents, price_cents, age_ms, unsettled
):
    reserves = (1_000, 0) if side == "buy" else (0, 1_000 // trigger_cents)
    connection.execute(
        "INSERT INTO trigger_orders VALUES ('u', 'S', %s, 1000, %s, %s, %s, 1, 1)", (side, trigger_cents, *reserves)
    )
    asked_at_ms = int(time.time() * 1000) - age_ms
    answered_at_ms = asked_at_ms if price_cents else None
    # An older quote with another price, which is no longer current.
    connection.execute(f"{QUOTE} answered_at_ms) VALUES ('S', 'u', 1, true, %s, 1, 1)", (asked_at_ms - 70_000,))
    connection.execute(
        f"{QUOTE} answered_at_ms) VALUES ('S', 'u', 1, true, %s, %s, %s)", (asked_at_ms, price_cents, answered_at_ms)
    )
    assert _completion(database).unsettled_triggers() == unsettled


def test_a_dump_that_cannot_be_written_for_long_is_left_to_the_report(database, connection, amqp_url, tmp_path):
    workload = tmp_path / "load.txt"
    workload.write_text("[1] DUMPLOG,u,log")
    backlog = Backlog(database)
    publisher = CommandPublisher(partial(open_connection, amqp_url, "test"), on_sent=backlog.note_sent)
    run = Run(SOURCE, str(workload), baseline_of(database))
    _write_history(connection, range(1, 2))
    _pass(connection, 1)
    connection.execute("UPDATE history SET command = 'DUMPLOG'")
    connection.execute(
        "INSERT INTO dumps (dump_id, user_id, filename, failure) VALUES (%s, 'u', 'log', 'the disk is full')",
        (command_id(SOURCE, 1).hex(),),
    )
    display = display_for(Console(quiet=True), 1)
    completion = Completion(database, run, publisher.messages, publisher.sent_ms)
    driver = LoadDriver(run, publisher, completion, backlog, display, NOTHING_MEASURED, stall_seconds=0.3)
    with WorkloadInput(str(workload)) as opened:
        prepared = Workload(opened, SOURCE)
        prepared.prepare(pytest.fail)
        driver.drive(prepared, rate=None)
    publisher.close()
    (left,) = dump_figures.unwritten(database, run)
    assert left.sentence() == "dump log of u (transaction 1) is not written yet: the disk is full"


def test_a_stuck_run_names_what_is_behind(database, amqp_url, tmp_path):
    workload = tmp_path / "load.txt"
    workload.write_text("[1] ADD,u,1.00 \n[2] COMMIT_BUY,u \nnonsense\n[3] DUMPLOG,./testLOG")
    backlog = Backlog(database)
    publisher = CommandPublisher(partial(open_connection, amqp_url, "test"), on_sent=backlog.note_sent)
    run = Run(SOURCE, str(workload), baseline_of(database))
    display = display_for(Console(quiet=True), 4)
    completion = Completion(database, run, publisher.messages, publisher.sent_ms)
    driver = LoadDriver(run, publisher, completion, backlog, display, NOTHING_MEASURED, stall_seconds=0.3)
    with WorkloadInput(str(workload)) as opened:
        prepared = Workload(opened, SOURCE)
        prepared.prepare(pytest.fail)
        with pytest.raises(
            Stalled, match=rf"2 commands .* partition {partition_of('u')} \(owner: none\) by 1 messages"
        ):
            driver.drive(prepared, rate=1_000)
    publisher.close()
    assert (run.published, run.unreadable) == (2, 1), "the last DUMPLOG waits for the commands before it"


def test_nothing_more_is_published_while_no_worker_takes_the_backlog(database, amqp_url, tmp_path):
    workload = tmp_path / "load.txt"
    workload.write_text("".join(f"[{n}] ADD,u{n % 50},1.00\n" for n in range(1, 50_001)))
    backlog = Backlog(database)
    publisher = CommandPublisher(partial(open_connection, amqp_url, "test"), on_sent=backlog.note_sent)
    run = Run(SOURCE, str(workload), baseline_of(database))
    display = display_for(Console(quiet=True), 50_000)
    driver = LoadDriver(
        run,
        publisher,
        Completion(database, run, publisher.messages, publisher.sent_ms),
        backlog,
        display,
        NOTHING_MEASURED,
        stall_seconds=0.2,
        wait_seconds_max=0.05,
    )
    with WorkloadInput(str(workload)) as opened:
        prepared = Workload(opened, SOURCE)
        prepared.prepare(pytest.fail)
        with pytest.raises(Stalled, match="no command was taken"):
            driver.drive(prepared, rate=None)
    publisher.close()
    assert 0 < run.published < 50_000


TAKEN = "UPDATE partitions SET taken_ms = %s WHERE partition = %s AND consumer_group = 'transactions'"


def test_a_message_that_is_older_than_a_turn_takes_counts_by_its_age(database, connection, wait_for):
    backlog = Backlog(database)
    turn = backlog_module.TURN_SECONDS
    assert backlog.wait_seconds(10_000) == 0
    for partition, published_at_ms in ((3, 1_000), (5, 2_000), (3, 3_000)):
        backlog.note_sent(partition, published_at_ms, 1)
    assert backlog.wait_seconds(10_000) == 9 - turn
    connection.execute(TAKEN, (2_999, 3))
    wait_for(lambda: backlog.wait_seconds(10_000) == 8 - turn)
    connection.execute(TAKEN, (2_000, 5))
    wait_for(lambda: backlog.wait_seconds(10_000) == 7 - turn)
    connection.execute(TAKEN, (3_000, 3))
    wait_for(lambda: backlog.wait_seconds(10_000) == 0)


def test_a_large_backlog_that_is_young_counts_by_the_speed_of_the_workers(database, connection, wait_for, monkeypatch):
    """Two seconds of work may be published within a tenth of a second; a person's command would wait behind it."""
    monkeypatch.setattr(backlog_module, "WINDOW_SECONDS", 0.1)
    backlog = Backlog(database)
    backlog.note_sent(3, 1_000, int(backlog_module.SPEED_FIRST))
    backlog.note_sent(3, 1_001, int(backlog_module.SPEED_FIRST))
    assert backlog.wait_seconds(1_001) == 2
    connection.execute(TAKEN, (1_000, 3))
    # The workers turn out to be faster, by the time in which they took the first half.
    wait_for(lambda: 0 < backlog.wait_seconds(1_001) < 0.99)
    # They take nothing more: as time passes, only the least speed can be relied on.
    wait_for(lambda: backlog.wait_seconds(1_001) == backlog_module.SPEED_FIRST / backlog_module.SPEED_MIN)
