"""DUMPLOG: the file holds exactly the entries before it, each once, whatever happens while it is written."""

from pathlib import Path

import psycopg
import pytest
from lxml import etree

from schema.commands import PARTITIONS
from schema.events import QUOTECACHE_SOURCE
from tests.integration.audit_harness import AT_MS, PROJECT, AuditLog, command, commands, marker, quote
from verification import dump_file

XSD = etree.XMLSchema(etree.parse(PROJECT / "schema" / "log.xsd"))
DUMP, OTHER = "0000000000000001000000000000002a", "ff" * 16


@pytest.fixture
def audit(amqp_url, database_url, tmp_path):
    log = AuditLog(amqp_url, database_url, tmp_path / "dumps")
    yield log
    log.close()


def read(path: Path) -> list[dict[str, str]]:
    """Returns the elements of a dump, after validating it."""
    document = etree.parse(path)
    XSD.assertValid(document)
    return [{"kind": entry.tag} | {field.tag: field.text for field in entry} for entry in document.getroot()]


def transactions(path: Path) -> list[int]:
    return [int(entry["transactionNum"]) for entry in read(path)]


def publish_root_dump(audit: AuditLog, filename: str = "log") -> list[int]:
    """Publishes ten entries of each source before its marker and five after it; returns the transactions before it."""
    audit.publish(QUOTECACHE_SOURCE, 1, [quote(5)])
    for source in range(PARTITIONS):
        audit.publish(source, 1, commands(source * 100 + 10, source * 100 + 19))
    for source in reversed(range(PARTITIONS)):
        behind = commands(source * 100 + 50, source * 100 + 54)
        audit.publish(source, 11, [marker(DUMP, 9000, filename), *behind])
    return [5, *(source * 100 + n for source in range(PARTITIONS) for n in range(10, 20))]


def test_a_dump_holds_exactly_the_entries_before_it_in_order_of_time(audit, wait_for):
    audit.start()
    expected = publish_root_dump(audit)
    wait_for(lambda: audit.is_written(DUMP))
    assert transactions(audit.dump_dir / "log") == expected
    assert [path.name for path in audit.dump_dir.iterdir()] == ["log"]


def test_a_dump_waits_for_the_marker_of_every_source(audit, wait_for):
    audit.start()
    for source in range(PARTITIONS - 1):
        audit.publish(source, 1, [command(source + 1), marker(DUMP, 99, "log")])
    audit.publish(0, 3, [marker(DUMP, 99, "log"), command(50)])
    wait_for(lambda: audit.stored(0) == 4)
    assert not audit.is_complete(DUMP)

    audit.publish(PARTITIONS - 1, 1, [command(16), command(17), marker(DUMP, 99, "log")])
    wait_for(lambda: audit.is_written(DUMP))
    assert transactions(audit.dump_dir / "log") == list(range(1, 18))


def test_a_users_dump_holds_that_users_entries_and_quotes(audit, wait_for):
    audit.start()
    audit.publish(
        QUOTECACHE_SOURCE, 1, [quote(12, "ann"), quote(2, "bob"), quote(22, "ann"), quote(9, "ann"), quote(21, "ann")]
    )
    audit.publish(7, 1, commands(10, 12, "ann"))
    audit.publish(7, 4, [command(13, "bob"), command(14, None), command(20, "ann"), marker(DUMP, 20, "log", "ann")])
    audit.publish(7, 8, commands(22, 24, "ann"))
    wait_for(lambda: audit.is_written(DUMP))
    assert sorted(transactions(audit.dump_dir / "log")) == [10, 11, 12, 12, 20]
    assert {entry["username"] for entry in read(audit.dump_dir / "log")} == {"ann"}


def test_entries_of_the_same_time_are_ordered_by_source_and_number(audit, wait_for):
    audit.start()
    at_once = [command(n) for n in (1, 1, 1)]
    for source in (2, 1, *(n for n in range(PARTITIONS) if n not in (1, 2))):
        audit.publish(source, 1, [*at_once, marker(DUMP, 9, "log")])
    wait_for(lambda: audit.is_written(DUMP))
    servers = [entry["server"] for entry in read(audit.dump_dir / "log")]
    assert servers == [f"transactions.{source:02d}" for source in range(PARTITIONS) for _ in at_once]


def test_a_dump_survives_a_crash_between_its_commit_and_its_file(audit, wait_for):
    audit.dump_dir.write_text("a file where the folder should be")
    process = audit.start()
    expected = publish_root_dump(audit)
    wait_for(lambda: audit.is_complete(DUMP))
    process.kill()
    audit.publish(QUOTECACHE_SOURCE, 2, [quote(6), quote(7)])
    audit.publish(0, 17, commands(60, 69))
    audit.dump_dir.unlink()
    audit.start("another")
    wait_for(lambda: audit.is_written(DUMP))
    assert transactions(audit.dump_dir / "log") == expected


def test_a_dump_that_is_written_again_is_the_same(audit, wait_for):
    process = audit.start()
    publish_root_dump(audit)
    wait_for(lambda: audit.is_written(DUMP))
    before = (audit.dump_dir / "log").read_bytes()
    audit.publish(QUOTECACHE_SOURCE, 2, [quote(6), quote(7)])
    wait_for(lambda: audit.stored(QUOTECACHE_SOURCE) == 3)
    process.terminate()
    assert process.wait(60) == 0

    audit.database.execute("UPDATE dumps SET state = 'waiting', written_at_ms = NULL")
    (audit.dump_dir / "log").unlink()
    audit.start()
    wait_for(lambda: audit.is_written(DUMP))
    assert (audit.dump_dir / "log").read_bytes() == before


def test_a_folder_that_cannot_be_written_does_not_stop_the_log(audit, wait_for):
    audit.dump_dir.write_text("a file where the folder should be")
    audit.start()
    publish_root_dump(audit)
    wait_for(lambda: audit.is_complete(DUMP))
    audit.publish(0, 17, commands(60, 69))
    wait_for(lambda: audit.stored(0) == 26)
    assert not audit.is_written(DUMP)
    audit.dump_dir.unlink()
    wait_for(lambda: audit.is_written(DUMP))


def test_folders_in_a_file_name_are_made(audit, wait_for):
    audit.start()
    audit.publish(7, 1, [command(1), marker(DUMP, 2, "some/where/log.xml", "ann")])
    wait_for(lambda: audit.is_written(DUMP))
    assert transactions(audit.dump_dir / "some" / "where" / "log.xml") == [1]


def test_any_text_in_the_log_comes_out_of_the_dump(audit, wait_for):
    audit.start()
    name = "<&> ]]> \\N\t\n\r \0 é"
    audit.publish(7, 1, [command(1, filename=name), marker(DUMP, 2, "log", "ann")])
    wait_for(lambda: audit.is_written(DUMP))
    (entry,) = read(audit.dump_dir / "log")
    assert entry["filename"] == name.replace("\0", "\ufffd")
    assert entry["timestamp"] == str(AT_MS + 1)


def test_a_users_dump_has_the_quotes_of_its_commands_however_those_are_numbered(audit, wait_for):
    """Two publishers number their commands independently, so numbers do not say what came first."""
    audit.start()
    audit.publish(QUOTECACHE_SOURCE, 1, [quote(901, "ann")])
    audit.publish(7, 1, [command(901, "ann"), command(1, "ann"), marker(DUMP, 1, "log", "ann")])
    wait_for(lambda: audit.is_written(DUMP))
    assert sorted(transactions(audit.dump_dir / "log")) == [1, 901, 901]
    assert verified(audit) == 0


def verified(audit: AuditLog) -> int:
    """Returns the number of differences that verification finds in the dump by its own rules."""
    with psycopg.connect(audit.environment["DATABASE_URL"]) as connection:
        findings = dump_file.verify(connection, audit.dump_dir / "log", lambda _: None)
    return sum(found.violations for found in findings)


def test_a_users_dump_has_no_quote_of_a_later_command_that_bears_the_number_of_an_earlier_one(audit, wait_for):
    """The symbols differ here. With the same symbol, too, nothing in the log could tell the two commands apart."""
    audit.start()
    audit.publish(QUOTECACHE_SOURCE, 1, [quote(1, "ann")])
    audit.publish(7, 1, [command(1, "ann", symbol="XYZ"), marker(DUMP, 2, "log", "ann"), command(1, "ann")])
    wait_for(lambda: audit.is_written(DUMP))
    assert [entry["kind"] for entry in read(audit.dump_dir / "log")] == ["userCommand"]
    assert verified(audit) == 0
