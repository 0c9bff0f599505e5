"""Hash chain over the audit log: the one definition of its bytes, for the audit writer and for verification.

A link covers the rows that one source got in one transaction:

    digest = SHA-256(previous digest | "source first_number last_number\\n" | rows | row checks)

`rows` are the rows as Postgres's COPY writes them as text: COLUMNS in order, separated by tabs, \\N for null, a line
feed after each row. This is unambiguous, and anyone gets the same bytes with COPY … TO. `row checks` are the CRC-32 of
each row: they prove nothing, but show which row changed when a digest does not match. The first link's previous digest
is `genesis`.

Pure: no I/O. This format is final: with any other bytes, every log written so far would look forged.
"""

import hashlib
import struct
import zlib
from typing import NamedTuple

COLUMNS = (
    "source",
    "number",
    "kind",
    "at_ms",
    "transaction_number",
    "command",
    "user_id",
    "symbol",
    "filename",
    "funds_cents",
    "message",
    "quote_server_time",
    "cryptokey",
)
"""All columns of `audit_events`, in the order in which they are hashed."""

CHECK_BYTES = 4
"""Bytes of one row's check."""


class ChainLink(NamedTuple):
    """A row of `audit_chain`: numbers are inclusive."""

    source: int
    first_number: int
    last_number: int
    row_checks: bytes
    digest: bytes


def genesis(source: int) -> bytes:
    """The previous digest of a source's first link."""
    return hashlib.sha256(b"day trade audit log, source %d" % source).digest()


def row_checks(rows: bytes) -> bytes:
    """CRC-32 of each row with its line feed, big-endian, in the order of the rows."""
    # Only line ends are line feeds or carriage returns: COPY escapes those within a row.
    checks = list(map(zlib.crc32, rows.splitlines(keepends=True)))
    return struct.pack(f">{len(checks)}I", *checks)


def digest(
    previous: bytes, source: int, first_number: int, last_number: int, rows: bytes | bytearray, checks: bytes
) -> bytes:
    """The digest of a link; 32 bytes."""
    hasher = hashlib.sha256(previous)
    hasher.update(b"%d %d %d\n" % (source, first_number, last_number))
    hasher.update(rows)
    hasher.update(checks)
    return hasher.digest()


def link(previous: bytes, source: int, first_number: int, last_number: int, rows: bytes) -> ChainLink:
    """The link that follows on `previous` and covers these rows."""
    checks = row_checks(rows)
    assert len(checks) == CHECK_BYTES * (last_number - first_number + 1), (source, first_number, last_number)
    return ChainLink(
        source,
        first_number,
        last_number,
        checks,
        digest(previous, source, first_number, last_number, rows, checks),
    )
