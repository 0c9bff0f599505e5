"""Links of the log's chains: each source gets one for a transaction, behind its newest one."""

from consumers.audit import rows
from consumers.audit.batch import Piece
from consumers.audit.copy_lines import copy_lines
from schema import chain
from schema.commands import CommandName
from schema.events import AuditEntry, AuditKind


def piece(source: int, first: int, last: int) -> Piece:
    entries = [AuditEntry(AuditKind.USER_COMMAND, 1, number, CommandName.ADD) for number in range(first, last + 1)]
    return Piece(0, first, last, copy_lines(source, first, entries).encode())


def test_a_link_covers_all_pieces_of_its_source_from_the_first_number_not_stored():
    heads = {3: (9, b"p" * 32), 64: (40, b"q" * 32)}
    pieces = [piece(3, 10, 11), piece(3, 12, 12), piece(3, 13, 15)]
    linked = rows.next_links(heads, {3: pieces, 64: [piece(64, 41, 41)]})
    assert linked == [
        chain.link(b"p" * 32, 3, 10, 15, b"".join(one.rows for one in pieces)),
        chain.link(b"q" * 32, 64, 41, 41, piece(64, 41, 41).rows),
    ]


def test_the_next_link_follows_on_the_newest_of_its_source():
    heads = {3: (0, chain.genesis(3)), 5: (7, b"r" * 32)}
    (first,) = rows.next_links(heads, {3: [piece(3, 1, 2)]})
    assert heads == {3: (2, first.digest), 5: (7, b"r" * 32)}
    (second,) = rows.next_links(heads, {3: [piece(3, 3, 3)]})
    assert second == chain.link(first.digest, 3, 3, 3, piece(3, 3, 3).rows)
    assert heads[3] == (3, second.digest)
