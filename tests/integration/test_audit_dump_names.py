"""Dumps that share a file name: the file is that of the latest DUMPLOG, in whatever order they are written."""

import threading
from contextlib import closing

import psycopg
import pytest
from lxml import etree

from consumers.audit import dump_store, dump_writing
from consumers.audit.dump_folder import DumpFolder
from consumers.audit.dump_store import WaitingDump
from database.pool import Pool
from schema.commands import PARTITIONS
from schema.events import AuditEntry
from tests.integration.audit_harness import AuditLog, command, marker
from tests.integration.recorded_dumps import ROOMY
from verification import dump_file

EARLIER, LATER = "0b" * 16, "0a" * 16
"""Dump ids in the reverse of the dumps' order, so that code that orders dumps by id fails."""


@pytest.fixture
def audit(amqp_url, database_url, tmp_path):
    log = AuditLog(amqp_url, database_url, tmp_path / "dumps")
    yield log
    log.close()


def holds(audit: AuditLog, *transaction_numbers: int) -> bool:
    elements = etree.parse(audit.dump_dir / "log").getroot()
    return [int(element.findtext("transactionNum")) for element in elements] == list(transaction_numbers)


def ask_twice(audit: AuditLog) -> None:
    """Publishes the markers of two dumps of one user with the same file name; the later one holds one entry more."""
    audit.publish(7, 1, [command(1), marker(EARLIER, 2, "log", "ann"), command(3), marker(LATER, 4, "log", "ann")])


def test_the_later_of_two_waiting_dumps_keeps_the_file(audit, wait_for):
    audit.dump_dir.write_text("a file where the folder should be")
    audit.start()
    ask_twice(audit)
    wait_for(lambda: audit.is_complete(LATER))
    audit.dump_dir.unlink()
    wait_for(lambda: audit.state(EARLIER) == "replaced" and audit.is_written(LATER))
    assert holds(audit, 1, 3)


def test_an_earlier_dump_that_was_delayed_does_not_replace_the_later(audit, wait_for, database_url):
    audit.start()
    with psycopg.connect(database_url) as holder:
        audit.publish(7, 1, [command(1)])
        wait_for(lambda: audit.stored(7) == 1)
        # The test records the dump itself, so that it is locked before anybody can write it.
        holder.execute("INSERT INTO dumps (dump_id, user_id, filename) VALUES (%s, 'ann', 'log')", (EARLIER,))
        holder.commit()
        holder.execute("SELECT FROM dumps WHERE dump_id = %s FOR UPDATE", (EARLIER,))
        audit.publish(7, 2, [marker(EARLIER, 2, "log", "ann"), command(3), marker(LATER, 4, "log", "ann")])
        wait_for(lambda: audit.is_written(LATER))
        assert not audit.is_written(EARLIER)
    wait_for(lambda: audit.state(EARLIER) == "replaced")
    assert holds(audit, 1, 3)
    assert [path.name for path in audit.dump_dir.iterdir()] == ["log"]
    with psycopg.connect(database_url) as connection:
        assert dump_file.find(connection, audit.dump_dir / "log").dump_id == LATER


def test_a_writer_that_hangs_in_the_earlier_dump_does_not_replace_the_later(audit, wait_for, database_url):
    """A database trigger stops the earlier dump's writer just before it renames its file."""
    make_both_unwritten(audit, wait_for)
    audit.database.execute("""
        CREATE FUNCTION hang() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END'""")
    audit.database.execute(f"""
        CREATE TRIGGER hang BEFORE UPDATE ON dumps FOR EACH ROW WHEN (NEW.dump_id = '{EARLIER}')
        EXECUTE FUNCTION hang()""")
    writers = [threading.Thread(target=write, args=(audit, database_url, one)) for one in (EARLIER, LATER)]
    with psycopg.connect(database_url) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        writers[0].start()
        wait_for(lambda: waiting_for_locks(audit) == 1)
        writers[1].start()
        wait_for(lambda: audit.is_written(LATER) or waiting_for_locks(audit) == 2)
    for writer in writers:
        writer.join()
    assert audit.state(EARLIER) == "replaced" and audit.is_written(LATER)
    assert holds(audit, 1, 3)


def test_the_earlier_dumps_draft_is_removed(audit, wait_for, database_url):
    """The earlier dump's writer leaves its draft if it loses its lock just before the rename."""
    make_both_unwritten(audit, wait_for)
    left = dump_writing.draft_path(audit.dump_dir, WaitingDump(LATER, "ann", "log"), EARLIER)
    left.write_text("the earlier dump")
    write(audit, database_url, LATER)
    assert not left.exists()
    assert holds(audit, 1, 3)


@pytest.mark.parametrize("whole_first", [True, False])
def test_a_whole_dump_and_a_users_dump_are_ordered_by_the_users_partition(audit, wait_for, whole_first):
    """Neither the order in which the log named them nor the order in which they were complete matters."""
    audit.dump_dir.write_text("a file where the folder should be")
    audit.start()
    whole, anns = marker("0e" * 16, 9, "log"), marker("0d" * 16, 8, "log", "ann")
    both = [whole, anns] if whole_first else [anns, whole]
    for source in range(PARTITIONS):
        audit.publish(source, 1, around(both) if source == 7 else [whole])
    wait_for(lambda: audit.is_complete("0d" * 16) and audit.is_complete("0e" * 16))
    audit.dump_dir.unlink()
    wait_for(lambda: audit.has_ended("0d" * 16) and audit.has_ended("0e" * 16))
    assert holds(audit, 1, 2)


def around(markers: list[AuditEntry]) -> list[AuditEntry]:
    """Puts a command before each marker."""
    return [entry for n, one in enumerate(markers, 1) for entry in (command(n), one)]


def make_both_unwritten(audit: AuditLog, wait_for) -> None:
    process = audit.start()
    ask_twice(audit)
    wait_for(lambda: audit.is_written(LATER))
    process.terminate()
    assert process.wait(10) == 0
    audit.database.execute("UPDATE dumps SET state = 'waiting', written_at_ms = NULL")


def write(audit: AuditLog, database_url: str, dump_id: str) -> None:
    with closing(Pool(database_url, "test", 1)) as pool, dump_store.reader(pool, f"dumper {dump_id}") as connection:
        dump_writing.write(connection, WaitingDump(dump_id, "ann", "log"), DumpFolder(audit.dump_dir, ROOMY))


def waiting_for_locks(audit: AuditLog) -> int:
    query = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'dumper %' AND wait_event = 'advisory'"
    )
    return audit.database.execute(query).fetchone()[0]
