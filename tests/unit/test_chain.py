"""The hash chain: which bytes a digest covers, and that its form never changes."""

import zlib

import pytest

from consumers.audit.copy_lines import copy_lines
from schema import chain
from schema.commands import CommandName
from schema.errors import DecodeError
from schema.events import AuditEntry, AuditKind
from schema.tables import audit_events
from verification import heads
from verification.heads import Head

ROWS = b"3\t1\tuserCommand\n3\t2\terrorEvent\n3\t3\tuserCommand\n"
ENTRY = AuditEntry(AuditKind.USER_COMMAND, 1, 7, CommandName.ADD, user="ann")


def link_of(rows: bytes = ROWS, previous: bytes = b"p" * 32, source: int = 3, first: int = 1) -> chain.ChainLink:
    return chain.link(previous, source, first, first + rows.count(b"\n") - 1, rows)


def test_the_form_of_the_chain_is_final():
    assert chain.genesis(3).hex() == "e80cc4909937b1a4081fe8743d48657ff2e95f3babffe68c51ec82f1998b102e"
    assert (
        link_of(previous=chain.genesis(3)).digest.hex()
        == "867eb4547d0c666dff6cbaea9f8935172326ef7ac68ceb16842a50f14c27d4f6"
    )


def test_every_column_of_the_log_is_hashed():
    assert tuple(column.name for column in audit_events.columns) == chain.COLUMNS


def test_each_row_has_its_own_check():
    checks = link_of().row_checks
    lines = ROWS.splitlines(keepends=True)
    assert checks == b"".join(zlib.crc32(line).to_bytes(chain.CHECK_BYTES, "big") for line in lines)


def test_text_of_any_kind_stays_one_row():
    entry = AuditEntry(
        AuditKind.ERROR_EVENT, 1, 7, CommandName.ADD, message="a\nb\rc\r\nd\x0be\x0cf\x1cg\x85h\u2028i\0"
    )
    rows = copy_lines(0, 1, [entry, ENTRY]).encode()
    assert len(chain.row_checks(rows)) == 2 * chain.CHECK_BYTES


@pytest.mark.parametrize(
    "other",
    [
        link_of(ROWS.replace(b"errorEvent", b"errorEvenu")),
        link_of(b"".join(sorted(ROWS.splitlines(keepends=True), reverse=True))),
        link_of(ROWS[: ROWS.rindex(b"3\t3")]),
        link_of(previous=b"q" * 32),
        link_of(source=4),
        link_of(first=2),
    ],
    ids=["a byte", "the order", "a row less", "the link before", "the source", "the numbers"],
)
def test_any_difference_gives_another_digest(other):
    assert other.digest != link_of().digest


def test_sources_have_different_beginnings():
    assert len({chain.genesis(source) for source in range(65)}) == 65


def test_a_link_must_have_as_many_rows_as_numbers():
    with pytest.raises(AssertionError):
        chain.link(b"p" * 32, 3, 1, 4, ROWS)


def test_heads_survive_being_written_down():
    kept = [Head(0, 12, b"\x01" * 32), Head(64, 2**62, b"\xff" * 32)]
    assert heads.from_text(heads.to_text(kept, "title")) == kept


@pytest.mark.parametrize("line", ["0 12", "0 12 00ff", f"x 12 {'0' * 64}", f"0 -1 {'0' * 64}", f"0 1 {'0' * 64} more"])
def test_text_that_is_not_a_head_is_refused(line):
    with pytest.raises(DecodeError):
        heads.from_text(f"# heads\n\n{line}\n")
