"""Dumps that could not be written are retried less and less often, each on its own schedule."""

import errno
import os

import pytest

from consumers.audit.dump_file_path import refusals, why_not_now
from consumers.audit.dump_retries import PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX, Retries
from schema.errors import DumpImpossible


def test_a_dump_that_never_failed_is_due():
    assert Retries().is_due("a", 0.0)
    assert Retries().next_due() is None


def test_the_pause_doubles_up_to_its_limit():
    retries, now, pauses = Retries(), 0.0, []
    for number in range(1, 10):
        assert retries.failed("a", now) == number
        pauses.append(retries.next_due() - now)
        assert not retries.is_due("a", retries.next_due() - 0.01)
        now = retries.next_due()
        assert retries.is_due("a", now)
    assert pauses[:3] == [PAUSE_SECONDS_FIRST, 2 * PAUSE_SECONDS_FIRST, 4 * PAUSE_SECONDS_FIRST]
    assert pauses[-2:] == [PAUSE_SECONDS_MAX, PAUSE_SECONDS_MAX]


def test_one_dumps_failures_do_not_slow_down_another():
    retries = Retries()
    for _ in range(5):
        retries.failed("a", 0.0)
    retries.failed("b", 0.0)
    assert retries.next_due() == PAUSE_SECONDS_FIRST
    assert retries.is_due("c", 0.0)


def test_a_dump_that_is_no_longer_requested_is_forgotten():
    retries = Retries()
    retries.failed("a", 0.0)
    retries.failed("b", 5.0)
    retries.keep(["b", "c"])
    assert retries.next_due() == 5.0 + PAUSE_SECONDS_FIRST
    assert retries.is_due("a", 0.0)


@pytest.mark.parametrize("number", [errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EFBIG])
def test_an_error_that_no_retry_can_avoid_is_permanent(number):
    with pytest.raises(DumpImpossible), refusals():
        raise OSError(number, os.strerror(number))


def test_a_name_that_the_file_system_cannot_hold_is_permanent():
    with pytest.raises(DumpImpossible), refusals():
        "Ł".encode("latin-1")


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "the dump folder is read-only"),
        (errno.EACCES, "the audit worker has no permission to write to the dump folder"),
        (errno.EIO, "the dump folder cannot be written: Input/output error"),
    ],
)
def test_an_error_that_a_person_can_mend_is_temporary_and_named_without_a_path(number, why):
    with pytest.raises(OSError) as caught, refusals():
        raise OSError(number, os.strerror(number), "/home/somebody/dumps/log")
    assert why_not_now(caught.value) == why
