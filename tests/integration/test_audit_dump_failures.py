"""Dumps that cannot be written, now or ever: each ends in a state with its reason, and hinders no other dump."""

import os
import shutil
from collections.abc import Iterator

import pytest

from consumers.audit import dump_retries, dump_store
from consumers.audit.dump_store import WaitingDump
from consumers.audit.dumper import MISTAKE, Dumper
from schema.commands import PARTITIONS
from schema.filenames import dump_path
from schema.outcomes import DumpState
from tests.integration.recorded_dumps import RecordedDumps

WRITTEN = ("written", None)


@pytest.fixture
def dumps(database_url, tmp_path) -> Iterator[RecordedDumps]:
    dumps = RecordedDumps(database_url, tmp_path / "dumps")
    yield dumps
    dumps.close()


@pytest.fixture
def dumper(dumps, monkeypatch) -> Iterator[Dumper]:
    """Dumper that retries soon."""
    monkeypatch.setattr(dump_retries, "PAUSE_SECONDS_FIRST", 0.02)
    dumper = Dumper(dumps.settings, dumps.pool)
    dumper.start()
    yield dumper
    dumper.stop()


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("testLOG/x", "testLOG", "this name is a folder of the dump testLOG/x"),
        ("testLOG", "testLOG/x", "its folder has the name of the file of the dump testLOG"),
        ("a/b/c", "a", "this name is a folder of the dump a/b/c"),
    ],
)
def test_the_earlier_of_two_names_that_exclude_each_other_keeps_its_place(dumps, first, second, why):
    """The order of writing does not matter, so a workload's result does not depend on which writer was faster."""
    earlier, *later = dumps.ask(first), dumps.ask(second), dumps.ask(second, 5, "bob"), dumps.ask(second, user=None)
    assert {dumps.refuses(dump) for dump in later} == {why}
    assert dumps.write(earlier) is DumpState.WRITTEN
    assert {dumps.refuses(dump) for dump in later} == {why}
    assert (dumps.folder / first).is_file()


def test_similar_names_do_not_exclude_each_other(dumps):
    for dump in [dumps.ask(name) for name in ("a/b", "a/bc", "a.b", "a%/b", "ab", "a/b.xml")]:
        assert dumps.write(dump) is DumpState.WRITTEN


def test_a_whole_log_whose_marker_is_still_to_come_in_a_users_partition_is_the_later_one(dumps):
    whole = dumps.ask("testLOG", user=None, markers=tuple(range(7)))
    anns = dumps.ask("testLOG/x", source=7)
    assert dumps.write(anns) is DumpState.WRITTEN
    dumps.mark(whole, *range(7, PARTITIONS))
    assert dumps.refuses(whole) == "this name is a folder of the dump testLOG/x"


def test_a_whole_log_whose_marker_came_first_in_a_users_partition_is_the_earlier_one(dumps):
    dumps.ask("testLOG", user=None, markers=tuple(range(8)))
    anns = dumps.ask("testLOG/x", source=7)
    assert dumps.refuses(anns) == "its folder has the name of the file of the dump testLOG"


def test_a_failed_dump_does_not_occupy_its_name(dumps):
    failed, later = dumps.ask("testLOG/x"), dumps.ask("testLOG")
    (dumps.folder / "testLOG").mkdir(parents=True)  # left by an attempt that failed
    dump_store.fail(dumps.database, failed, "an entry of it cannot be stored")
    assert dumps.write(later) is DumpState.WRITTEN


def test_a_dump_that_was_given_up_before_the_log_named_it_stays_without_a_file(dumps):
    early = WaitingDump("ff", "ann", "log")
    dump_store.fail(dumps.database, early, "an entry of it cannot be stored")
    dumps.mark(early, 7)
    assert dumps.write(early) is DumpState.FAILED
    assert dumps.became(early) == ("failed", "an entry of it cannot be stored")
    assert not (dumps.folder / "log").exists()


def test_a_dump_that_was_written_cannot_be_given_up_any_more(dumps):
    dump = dumps.ask("log")
    dumps.write(dump)
    dump_store.fail(dumps.database, dump, "too late")
    assert dumps.became(dump) == WRITTEN


def test_a_replaced_dump_gets_the_state_replaced(dumps):
    earlier, later = dumps.ask("log"), dumps.ask("log")
    for dump in (earlier, later):
        dumps.write(dump)
    assert (dumps.became(earlier), dumps.became(later)) == (("replaced", None), WRITTEN)


def test_a_folder_that_is_not_empty_keeps_its_place(dumps):
    (dumps.folder / "testLOG").mkdir(parents=True)
    (dumps.folder / "testLOG" / "of an earlier run").touch()
    assert dumps.refuses(dumps.ask("testLOG")) == "a folder of this name is in its place"
    assert os.listdir(dumps.folder) == ["testLOG"]


def test_a_name_is_free_again_when_the_files_that_held_it_are_removed(dumps):
    dumps.write(dumps.ask("testLOG/x"))
    shutil.rmtree(dumps.folder / "testLOG")
    assert dumps.write(dumps.ask("testLOG")) is DumpState.WRITTEN


def test_a_link_to_another_folder_is_not_followed(dumps, tmp_path):
    (tmp_path / "outside").mkdir()
    dumps.folder.mkdir()
    (dumps.folder / "a").symlink_to(tmp_path / "outside")
    assert dumps.refuses(dumps.ask("a/log")) == "a link named a is in the place of its folder"
    assert os.listdir(tmp_path / "outside") == []


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_written_through(dumps, tmp_path):
    (tmp_path / "outside").write_text("mine")
    dumps.folder.mkdir()
    (dumps.folder / "log").symlink_to(tmp_path / "outside")
    assert dumps.write(dumps.ask("log")) is DumpState.WRITTEN
    assert (tmp_path / "outside").read_text() == "mine"
    assert not (dumps.folder / "log").is_symlink()


def test_a_path_that_is_too_long_is_given_up_and_a_shorter_one_is_written(dumps):
    """Linux limits a path to 4,095 bytes."""
    while (room := 3_980 - len(str(dumps.folder))) > 1:
        dumps.folder = dumps.folder / ("d" * min(room - 1, 100))
    assert (
        dumps.refuses(dumps.ask("long/" * 19 + "name", user="ann")) == "the file name is too long for the file system"
    )
    assert dumps.write(dumps.ask("log")) is DumpState.WRITTEN


def test_a_dump_folder_that_vanished_is_made_anew(dumps):
    for name in ("one", "another"):
        assert dumps.write(dumps.ask(name)) is DumpState.WRITTEN
        shutil.rmtree(dumps.folder)


def test_no_dump_may_have_the_name_under_which_another_is_prepared(dumps):
    """A dump of that name would be overwritten and then moved to the other's place, though it counts as written."""
    draft = dumps.draft(dumps.ask("log")).name
    assert dump_path(draft) is None
    assert dump_path(f"{draft}/x") is None


def test_the_draft_of_an_earlier_attempt_is_not_written_into(dumps):
    """The attempt's writer may have lost its lock and may still be writing."""
    dump = dumps.ask("log")
    left = dumps.draft(dump)
    dumps.folder.mkdir()
    with left.open("w") as file:
        assert dumps.write(dump) is DumpState.WRITTEN
        file.write("of the other writer")
    assert (dumps.folder / "log").read_text().startswith("<?xml")


def test_a_temporarily_unwritable_dump_delays_no_other_and_is_written_later(dumps, dumper, wait_for):
    anns, bobs = dumps.ask("anns"), dumps.ask("bobs", user="bob")
    hindrance = dumps.draft(anns) / "hindrance"
    hindrance.mkdir(parents=True)
    dumper.wake()
    wait_for(lambda: dumps.became(bobs) == WRITTEN)
    wait_for(lambda: dumps.became(anns) == ("waiting", "the dump folder cannot be written: Is a directory"))
    hindrance.rmdir()
    hindrance.parent.rmdir()
    wait_for(lambda: dumps.became(anns) == WRITTEN)


def test_a_dump_folder_that_is_a_file_is_waited_for(dumps, dumper, wait_for):
    dump = dumps.ask("log")
    dumps.folder.write_text("a file")
    dumper.wake()
    wait_for(lambda: dumps.became(dump) == ("waiting", "a file is in the place of the dump folder"))
    dumps.folder.unlink()
    wait_for(lambda: dumps.became(dump) == WRITTEN)


def test_a_dump_that_can_never_be_written_is_given_up_with_the_reason(dumps, dumper, wait_for):
    outside, inside = dumps.ask("../outside"), dumps.ask("inside")
    dumper.wake()
    wait_for(lambda: dumps.became(inside) == WRITTEN)
    assert dumps.became(outside) == ("failed", "the file name points outside the dump folder")
    assert not (dumps.folder.parent / "outside").exists()


def test_an_entry_that_no_element_can_be_made_of_ends_in_a_failure_and_not_in_a_loop(dumps, dumper, wait_for):
    dumps.database.execute(
        """INSERT INTO audit_events (source, number, kind, at_ms, transaction_number, user_id)
           VALUES (7, 1, 'accountTransaction', 1, 1, 'ann')"""
    )
    anns, bobs = dumps.ask("anns"), dumps.ask("bobs", user="bob")
    dumper.wake()
    wait_for(lambda: dumps.became(bobs) == WRITTEN)
    wait_for(lambda: dumps.became(anns) == ("failed", MISTAKE))
    assert sorted(os.listdir(dumps.folder)) == ["bobs"]
