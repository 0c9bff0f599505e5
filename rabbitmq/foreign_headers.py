"""Protection from headers of foreign publishers: none may end a connection or replace a header of the broker.

A header value that pika cannot turn into a Python value becomes None. pika decodes headers while it reads frames: a
time beyond the year 9999, or deeply nested lists, raise an exception there, which ends the connection. If the message
is in a stream, it would end each later connection that reads it. None of this project's programs reads such a header.

If a name occurs more than once, the first value counts. A stream writes the offset of a message before any
`x-stream-offset` of the publisher. pika takes the last value, and a reader that used it would miss messages, or end at
each attempt. pika is pinned, and tests check this behaviour. Importing this module changes pika; no other module may.
"""

import struct

from pika import data

_FIXED_BYTES = {b"T": 8, b"d": 8, b"f": 4}
"""Bytes of the values whose decoding may fail, by their kind. Lists and tables begin with their own length."""

_decode_value = data.decode_value


def decode_value(encoded: bytes, offset: int) -> tuple[object, int]:
    """Replaces pika's function: returns the value that begins at `offset`, and the offset of its end."""
    try:
        return _decode_value(encoded, offset)
    except (ValueError, OverflowError, OSError, RecursionError):
        kind, offset = encoded[offset : offset + 1], offset + 1
        if kind in _FIXED_BYTES:
            return None, offset + _FIXED_BYTES[kind]
        if kind in b"AF":
            return None, offset + 4 + struct.unpack_from(">I", encoded, offset)[0]
        raise


def decode_table(encoded: bytes, offset: int) -> tuple[dict[str | bytes, object], int]:
    """Replaces pika's function: takes the first value of each name."""
    table: dict[str | bytes, object] = {}
    end = offset + 4 + struct.unpack_from(">I", encoded, offset)[0]
    offset += 4
    while offset < end:
        name, offset = data.decode_short_string(encoded, offset)
        value, offset = decode_value(encoded, offset)
        table.setdefault(name, value)
    return table, offset


data.decode_value = decode_value  # type: ignore[assignment]  # a value of an unknown kind is an object here
data.decode_table = decode_table  # type: ignore[assignment]  # the same
