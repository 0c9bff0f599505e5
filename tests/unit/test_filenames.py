"""File names that a DUMPLOG may have: relative paths inside the dump folder (spec §6)."""

import os

import pytest

from schema.filenames import FILENAME_CHARACTERS_MAX, dump_path, own_folder


@pytest.mark.parametrize(
    ("filename", "path"),
    [
        ("log", "log"),
        ("testLOG.xml", "testLOG.xml"),
        ("./testLOG", "testLOG"),
        ("././a", "a"),
        ("a/b/c.xml", "a/b/c.xml"),
        ("a/./b", "a/b"),
        ("a//b", "a/b"),
        ("..log", "..log"),
        ("a..b", "a..b"),
        ("with space", "with space"),
    ],
)
def test_a_relative_path_is_written_without_its_dots(filename, path):
    assert dump_path(filename) == path


@pytest.mark.parametrize("filename", ["/etc/passwd", "//log", "/", "/./log"])
def test_an_absolute_path_is_rejected(filename):
    assert dump_path(filename) is None


@pytest.mark.parametrize("filename", ["..", "../log", "a/../../log", "a/..", "./../log", "a/../b"])
def test_a_path_that_goes_up_is_rejected(filename):
    assert dump_path(filename) is None


@pytest.mark.parametrize("filename", ["", ".", "./", "a/", "././"])
def test_a_name_of_no_file_is_rejected(filename):
    assert dump_path(filename) is None


@pytest.mark.parametrize("filename", ["a\0b", "\0", "a\nb", "a\x1bb", "a\\..\\b", "\ud800"])
def test_characters_that_no_file_name_should_have_are_rejected(filename):
    assert dump_path(filename) is None


@pytest.mark.parametrize("filename", ["~alice/mine.xml", "./~alice/mine.xml", "~alice", "~", "~bob/~alice/x"])
@pytest.mark.parametrize("user", [None, "mallory"])
def test_a_persons_folder_is_for_dumps_of_that_person_only(filename, user):
    """Also if the command was published as a raw message, which no reader of workloads has looked at."""
    assert dump_path(filename, user) is None


def test_a_person_may_have_any_folder_inside_their_own():
    assert dump_path("~alice/~x/mine.xml", "alice") == "~alice/~x/mine.xml"


def test_a_name_has_at_most_100_characters():
    assert dump_path("x" * FILENAME_CHARACTERS_MAX) is not None
    assert dump_path("x" * (FILENAME_CHARACTERS_MAX + 1)) is None


def test_a_users_own_folder_does_not_count_for_the_limit_of_the_name():
    user = "u" * 64
    longest = own_folder(user) + "x" * FILENAME_CHARACTERS_MAX
    assert dump_path(longest, user) == longest
    assert dump_path(own_folder(user) + "./a//b", user) == own_folder(user) + "a/b"
    assert dump_path(longest) is None, "the whole log's: it has no own folder"
    assert dump_path(longest, "somebody else") is None


@pytest.mark.parametrize("name", ["", ".", "..", "../log", "/log", "a/", "x" * (FILENAME_CHARACTERS_MAX + 1)])
def test_in_a_users_own_folder_the_same_names_are_rejected(name):
    assert dump_path(own_folder("ann") + name, "ann") is None


@pytest.mark.parametrize("filename", ["é" * 100, "\U0001f600" * 100], ids=["200 bytes", "400 bytes"])
def test_a_name_that_is_accepted_can_be_written(filename, tmp_path):
    """A dump that no file system accepts would be retried for ever; a name has 255 bytes at most."""
    path = dump_path(filename)
    if path is not None:
        assert len(os.fsencode(path)) <= 255
        (tmp_path / path).write_text("log")
