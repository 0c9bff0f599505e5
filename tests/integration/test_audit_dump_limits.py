"""Limits on the files of dumps: in a person's folder the oldest are removed; a dump beyond the whole folder's fails."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consumers.audit.dump_folder import DumpFolder
from consumers.audit.dump_store import WaitingDump
from consumers.audit.dumper import Dumper
from schema.outcomes import DumpState
from tests.integration.recorded_dumps import RecordedDumps

EMPTY_LOG_BYTES = 52
"""Size of the file of a log without entries."""


@pytest.fixture
def dumps(database_url, tmp_path) -> Iterator[RecordedDumps]:
    with closing(RecordedDumps(database_url, tmp_path / "dumps")) as dumps:
        yield dumps


def write(dumps: RecordedDumps, *names: str, user: str | None = "ann") -> list[WaitingDump]:
    """Requests and writes dumps with these file names, one after the other."""
    asked = []
    for name in names:
        asked.append(dumps.ask(name, user=user))
        assert dumps.write(asked[-1]) is DumpState.WRITTEN
    return asked


def files(dumps: RecordedDumps) -> list[str]:
    return sorted(str(path.relative_to(dumps.folder)) for path in dumps.folder.rglob("*") if not path.is_dir())


def test_a_new_file_of_a_person_removes_their_oldest_one_and_nobody_elses(dumps):
    write(dumps, "log", "~ann/x/a")
    write(dumps, "~bob/log", user="bob")
    dumps.limit(files_each=2)
    oldest, *kept = write(dumps, "~ann/b", "~ann/c", "~ann/d")
    assert files(dumps) == ["log", "~ann/c", "~ann/d", "~bob/log"]
    assert dumps.became(oldest) == ("written", "newer files reached the limit of 2 files (DUMP_FILES_EACH)")
    assert [dumps.became(dump) for dump in kept] == [("written", None)] * 2


def test_the_oldest_files_of_a_person_make_room_for_the_bytes_of_a_new_one(dumps):
    dumps.limit(bytes_each=2 * EMPTY_LOG_BYTES + 1)
    oldest, *_ = write(dumps, "~ann/a", "~ann/b", "~ann/c")
    assert files(dumps) == ["~ann/b", "~ann/c"]
    assert dumps.became(oldest) == ("written", "newer files reached the limit of 0 MB (DUMP_MB_EACH)")


def test_a_log_larger_than_a_person_may_have_fails_and_their_files_stay(dumps):
    write(dumps, "~ann/a")
    dumps.limit(bytes_each=EMPTY_LOG_BYTES - 1)
    reason = "this log is larger than 0 MB, the limit for one person's files (DUMP_MB_EACH)"
    assert dumps.refuses(dumps.ask("~ann/b")) == reason
    assert files(dumps) == ["~ann/a"]
    write(dumps, "log")


def test_a_dump_beyond_the_files_of_the_folder_fails_until_somebody_removes_one(dumps):
    write(dumps, "a", "b/c")
    dumps.limit(folder_files=2)
    reason = "the dump folder holds its limit of 2 files (DUMP_FOLDER_FILES): an operator has to remove some"
    for user in ("ann", None):
        assert dumps.refuses(dumps.ask("d", user=user)) == reason
    write(dumps, "a")  # replaces a file
    (dumps.folder / "a").unlink()
    write(dumps, "d")
    assert files(dumps) == ["b/c", "d"]


def test_a_dump_beyond_the_bytes_of_the_folder_fails_and_leaves_nothing_behind(dumps):
    write(dumps, "a", "~bob/b", user="bob")
    dumps.limit(folder_bytes=3 * EMPTY_LOG_BYTES - 1)
    reason = "the dump folder would exceed its limit of 0 MB (DUMP_FOLDER_MB): an operator has to remove files"
    for name in ("c", "~ann/c"):
        assert dumps.refuses(dumps.ask(name)) == reason
    assert files(dumps) == ["a", "~bob/b"]
    write(dumps, "a", user="bob")


def test_an_old_count_of_the_files_refuses_no_dump(dumps):
    dumps.limit(folder_files=2)
    folder = DumpFolder(dumps.folder, dumps.limits)
    for name in ("a", "b", "c"):
        folder.room(dumps.ask(name), dumps.folder / name)
        write(dumps, name)
        (dumps.folder / name).unlink()


def test_a_file_that_somebody_removed_is_noted_and_counts_no_more(dumps):
    dumps.limit(files_each=2)
    gone, kept = write(dumps, "~ann/a", "~ann/b")
    (dumps.folder / "~ann" / "a").unlink()
    write(dumps, "~ann/c")
    assert dumps.became(gone) == ("written", "its file was removed from the dump folder")
    assert dumps.became(kept) == ("written", None)


def test_no_file_outside_the_dump_folder_is_removed_through_a_link(dumps, tmp_path: Path):
    write(dumps, "~ann/x/a")
    (dumps.folder / "~ann" / "x").rename(tmp_path / "outside")
    (dumps.folder / "~ann" / "x").symlink_to(tmp_path / "outside")
    dumps.limit(files_each=1)
    write(dumps, "~ann/b")
    assert (tmp_path / "outside" / "a").is_file()


def test_the_audit_worker_keeps_the_limits_of_its_settings(database_url, tmp_path, wait_for):
    limits = {"DUMP_FILES_EACH": "1", "DUMP_FOLDER_FILES": "2"}
    with closing(RecordedDumps(database_url, tmp_path / "dumps", **limits)) as dumps:
        dumper = Dumper(dumps.settings, dumps.pool)
        dumper.start()
        asked = [dumps.ask(name) for name in ("~ann/a", "~ann/b", "c", "d")]
        dumper.wake()
        wait_for(lambda: dumps.became(asked[-1])[0] == "failed")
        assert files(dumps) == ["c", "~ann/b"]
        dumper.stop()
