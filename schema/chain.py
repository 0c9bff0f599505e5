"""The hash chain over the audit log: what exactly is hashed, and how. The one definition, for writer and verification.

A link covers the rows that one source got in one transaction:

    digest = SHA-256(previous digest | "source first_number last_number\\n" | rows | row checks)

`rows` are the rows as Postgres's COPY writes them as text: COLUMNS in their order, tab between, \\N for null, line feed
behind each. That is unambiguous, and anyone gets the very bytes with COPY … TO. `row checks` are a CRC-32 of each row:
they prove nothing, but tell which row it is once a digest does not fit. The first link's previous digest is `genesis`.

Pure, and final: other bytes here would be another chain, and every log written so far would look forged. Never any
I/O, and never a second form.
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
"""Of `audit_events`, all of them, in the order in which they are hashed."""

CHECK_BYTES = 4
"""Length of a row's check."""


class Link(NamedTuple):
    """A row of `audit_chain`: numbers are inclusive."""

    source: int
    first_number: int
    last_number: int
    row_checks: bytes
    digest: bytes


def genesis(source: int) -> bytes:
    """Stands for the digest before a source's first link."""
    return hashlib.sha256(b"day trade audit log, source %d" % source).digest()


def row_checks(rows: bytes) -> bytes:
    """CRC-32 of each row, its line feed included, big-endian, in their order."""
    # No row holds a line feed or carriage return of its own: COPY escapes them.
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


def link(previous: bytes, source: int, first_number: int, last_number: int, rows: bytes) -> Link:
    """The link that follows on `previous` and covers these rows."""
    checks = row_checks(rows)
    assert len(checks) == CHECK_BYTES * (last_number - first_number + 1), (source, first_number, last_number)
    return Link(
        source,
        first_number,
        last_number,
        checks,
        digest(previous, source, first_number, last_number, rows, checks),
    )
