"""Dumps that cannot be written, now or ever: each ends in a state with its reason, and hinders no other dump."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from consumers.audit import dump_retries, dump_store, dump_writing
from consumers.audit.dump_store import WaitingDump
from consumers.audit.dumper import MISTAKE, Dumper
from schema.commands import PARTITIONS
from schema.errors import DumpImpossible
from schema.events import QUOTECACHE_SOURCE
from schema.filenames import dump_path
from schema.outcomes import DumpState
from schema.settings import from_environment

WRITTEN = ("written", None)


class Shelf:
    """Dumps as the audit worker has recorded them, over a log without entries, and the folder for their files."""

    def __init__(self, database_url: str, folder: Path):
        self.folder = folder
        self.settings = from_environment(
            os.environ | {"DATABASE_URL": database_url, "DUMP_DIR": str(folder), "REPLICA": "test"}
        )
        self.database = psycopg.connect(database_url, autocommit=True)
        self._reader = dump_store.connect(database_url, "dumper test")
        self._numbers = dict.fromkeys(range(PARTITIONS), 0)

    def close(self) -> None:
        self._reader.close()
        self.database.close()

    def ask(
        self, filename: str, source: int = 7, user: str | None = "ann", markers: tuple[int, ...] = ()
    ) -> WaitingDump:
        """Records a DUMPLOG and stores its markers. `markers`: of these sources only, for a dump of the whole log."""
        dump = WaitingDump(f"{self._count():032x}", user, filename)
        row = (dump.dump_id, dump.user, dump.filename)
        self.database.execute("INSERT INTO dumps (dump_id, user_id, filename) VALUES (%s, %s, %s)", row)
        self.mark(dump, *(markers or ((source,) if user else range(PARTITIONS))))
        return dump

    def mark(self, dump: WaitingDump, *sources: int) -> None:
        """Stores the dump's markers of these sources; the last of them completes the dump."""
        for source in sources:
            self._numbers[source] += 1
            self._mark(dump, source, self._numbers[source])
        if dump.user or self._count_markers(dump) == PARTITIONS:
            self._mark(dump, QUOTECACHE_SOURCE, 0)

    def write(self, dump: WaitingDump) -> DumpState:
        return dump_writing.write(self._reader, dump, self.folder)

    def draft(self, dump: WaitingDump) -> Path:
        """Returns the path at which the dump's file is prepared."""
        return dump_writing.draft_path(self.folder, dump, dump.dump_id)

    def refuses(self, dump: WaitingDump) -> str:
        """Returns the reason why the dump can never have a file."""
        with pytest.raises(DumpImpossible) as caught:
            self.write(dump)
        return str(caught.value)

    def became(self, dump: WaitingDump) -> tuple[str, str | None]:
        """Returns the dump's state, and the reason why it has no file."""
        return self.database.execute(
            "SELECT state::text, failure FROM dumps WHERE dump_id = %s", (dump.dump_id,)
        ).fetchone()

    def _mark(self, dump: WaitingDump, source: int, number: int) -> None:
        self.database.execute("INSERT INTO dump_markers VALUES (%s, %s, %s)", (dump.dump_id, source, number))

    def _count(self) -> int:
        return self.database.execute("SELECT count(*) FROM dumps").fetchone()[0]

    def _count_markers(self, dump: WaitingDump) -> int:
        query = "SELECT count(*) FROM dump_markers WHERE dump_id = %s"
        return self.database.execute(query, (dump.dump_id,)).fetchone()[0]


@pytest.fixture
def shelf(database_url, tmp_path) -> Iterator[Shelf]:
    shelf = Shelf(database_url, tmp_path / "dumps")
    yield shelf
    shelf.close()


@pytest.fixture
def dumper(shelf, monkeypatch) -> Iterator[Dumper]:
    """Dumper that retries soon."""
    monkeypatch.setattr(dump_retries, "PAUSE_SECONDS_FIRST", 0.02)
    dumper = Dumper(shelf.settings)
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
def test_of_two_names_that_exclude_each_other_the_earlier_keeps_its_place(shelf, first, second, why):
    """The order of writing does not matter, so a workload's result does not depend on which writer was faster."""
    earlier, *later = shelf.ask(first), shelf.ask(second), shelf.ask(second, 5, "bob"), shelf.ask(second, user=None)
    assert {shelf.refuses(dump) for dump in later} == {why}
    assert shelf.write(earlier) is DumpState.WRITTEN
    assert {shelf.refuses(dump) for dump in later} == {why}
    assert (shelf.folder / first).is_file()


def test_names_that_only_look_alike_do_not_exclude_each_other(shelf):
    for dump in [shelf.ask(name) for name in ("a/b", "a/bc", "a.b", "a%/b", "ab", "a/b.xml")]:
        assert shelf.write(dump) is DumpState.WRITTEN


def test_a_whole_log_whose_marker_is_still_to_come_in_a_users_partition_is_the_later_one(shelf):
    whole = shelf.ask("testLOG", user=None, markers=tuple(range(7)))
    anns = shelf.ask("testLOG/x", source=7)
    assert shelf.write(anns) is DumpState.WRITTEN
    shelf.mark(whole, *range(7, PARTITIONS))
    assert shelf.refuses(whole) == "this name is a folder of the dump testLOG/x"


def test_a_whole_log_whose_marker_came_first_in_a_users_partition_is_the_earlier_one(shelf):
    shelf.ask("testLOG", user=None, markers=tuple(range(8)))
    anns = shelf.ask("testLOG/x", source=7)
    assert shelf.refuses(anns) == "its folder has the name of the file of the dump testLOG"


def test_a_dump_that_failed_holds_no_name(shelf):
    failed, later = shelf.ask("testLOG/x"), shelf.ask("testLOG")
    (shelf.folder / "testLOG").mkdir(parents=True)  # left by an attempt that failed
    dump_store.fail(shelf.database, failed, "an entry of it cannot be stored")
    assert shelf.write(later) is DumpState.WRITTEN


def test_a_dump_that_was_given_up_before_the_log_named_it_stays_without_a_file(shelf):
    early = WaitingDump("ff", "ann", "log")
    dump_store.fail(shelf.database, early, "an entry of it cannot be stored")
    shelf.mark(early, 7)
    assert shelf.write(early) is DumpState.FAILED
    assert shelf.became(early) == ("failed", "an entry of it cannot be stored")
    assert not (shelf.folder / "log").exists()


def test_a_dump_that_was_written_cannot_be_given_up_any_more(shelf):
    dump = shelf.ask("log")
    shelf.write(dump)
    dump_store.fail(shelf.database, dump, "too late")
    assert shelf.became(dump) == WRITTEN


def test_a_file_that_was_replaced_is_said_to_be(shelf):
    earlier, later = shelf.ask("log"), shelf.ask("log")
    for dump in (earlier, later):
        shelf.write(dump)
    assert (shelf.became(earlier), shelf.became(later)) == (("replaced", None), WRITTEN)


def test_a_folder_with_something_in_it_keeps_its_place(shelf):
    (shelf.folder / "testLOG").mkdir(parents=True)
    (shelf.folder / "testLOG" / "of an earlier run").touch()
    assert shelf.refuses(shelf.ask("testLOG")) == "a folder of this name is in its place"
    assert os.listdir(shelf.folder) == ["testLOG"]


def test_a_name_is_free_again_when_the_files_that_held_it_are_removed(shelf):
    shelf.write(shelf.ask("testLOG/x"))
    shutil.rmtree(shelf.folder / "testLOG")
    assert shelf.write(shelf.ask("testLOG")) is DumpState.WRITTEN


def test_a_link_to_another_folder_is_not_followed(shelf, tmp_path):
    (tmp_path / "outside").mkdir()
    shelf.folder.mkdir()
    (shelf.folder / "a").symlink_to(tmp_path / "outside")
    assert shelf.refuses(shelf.ask("a/log")) == "a link named a is in the place of its folder"
    assert os.listdir(tmp_path / "outside") == []


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_written_through(shelf, tmp_path):
    (tmp_path / "outside").write_text("mine")
    shelf.folder.mkdir()
    (shelf.folder / "log").symlink_to(tmp_path / "outside")
    assert shelf.write(shelf.ask("log")) is DumpState.WRITTEN
    assert (tmp_path / "outside").read_text() == "mine"
    assert not (shelf.folder / "log").is_symlink()


def test_a_path_that_is_too_long_is_given_up_and_a_shorter_one_is_written(shelf):
    """Linux limits a path to 4,095 bytes."""
    while (room := 3_980 - len(str(shelf.folder))) > 1:
        shelf.folder = shelf.folder / ("d" * min(room - 1, 100))
    assert (
        shelf.refuses(shelf.ask("long/" * 19 + "name", user="ann")) == "the file name is too long for the file system"
    )
    assert shelf.write(shelf.ask("log")) is DumpState.WRITTEN


def test_a_dump_folder_that_vanished_is_made_anew(shelf):
    for name in ("one", "another"):
        assert shelf.write(shelf.ask(name)) is DumpState.WRITTEN
        shutil.rmtree(shelf.folder)


def test_no_dump_may_have_the_name_under_which_another_is_prepared(shelf):
    """A dump of that name would be overwritten and then moved to the other's place, though it counts as written."""
    draft = shelf.draft(shelf.ask("log")).name
    assert dump_path(draft) is None
    assert dump_path(f"{draft}/x") is None


def test_what_an_attempt_left_is_not_written_into(shelf):
    """The attempt's writer may have lost its lock and may still be writing."""
    dump = shelf.ask("log")
    left = shelf.draft(dump)
    shelf.folder.mkdir()
    with left.open("w") as file:
        assert shelf.write(dump) is DumpState.WRITTEN
        file.write("of the other writer")
    assert (shelf.folder / "log").read_text().startswith("<?xml")


def test_a_dump_that_cannot_be_written_now_hinders_no_other_and_is_written_when_it_can_be(shelf, dumper, wait_for):
    anns, bobs = shelf.ask("anns"), shelf.ask("bobs", user="bob")
    hindrance = shelf.draft(anns) / "hindrance"
    hindrance.mkdir(parents=True)
    dumper.wake()
    wait_for(lambda: shelf.became(bobs) == WRITTEN)
    wait_for(lambda: shelf.became(anns) == ("waiting", "the dump folder cannot be written: Is a directory"))
    hindrance.rmdir()
    hindrance.parent.rmdir()
    wait_for(lambda: shelf.became(anns) == WRITTEN)


def test_a_dump_folder_that_is_a_file_is_waited_for(shelf, dumper, wait_for):
    dump = shelf.ask("log")
    shelf.folder.write_text("a file")
    dumper.wake()
    wait_for(lambda: shelf.became(dump) == ("waiting", "a file is in the place of the dump folder"))
    shelf.folder.unlink()
    wait_for(lambda: shelf.became(dump) == WRITTEN)


def test_a_dump_that_can_never_be_written_is_given_up_with_the_reason(shelf, dumper, wait_for):
    outside, inside = shelf.ask("../outside"), shelf.ask("inside")
    dumper.wake()
    wait_for(lambda: shelf.became(inside) == WRITTEN)
    assert shelf.became(outside) == ("failed", "the file name points outside the dump folder")
    assert not (shelf.folder.parent / "outside").exists()


def test_an_entry_that_no_element_can_be_made_of_ends_in_a_failure_and_not_in_a_loop(shelf, dumper, wait_for):
    shelf.database.execute(
        """INSERT INTO audit_events (source, number, kind, at_ms, transaction_number, user_id)
           VALUES (7, 1, 'accountTransaction', 1, 1, 'ann')"""
    )
    anns, bobs = shelf.ask("anns"), shelf.ask("bobs", user="bob")
    dumper.wake()
    wait_for(lambda: shelf.became(bobs) == WRITTEN)
    wait_for(lambda: shelf.became(anns) == ("failed", MISTAKE))
    assert sorted(os.listdir(shelf.folder)) == ["bobs"]
