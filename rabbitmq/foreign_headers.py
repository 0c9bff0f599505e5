"""Headers that a stranger may give a message: none of them ends a connection, or passes for one of the broker's own.

What pika cannot turn into a Python value is None in here. pika turns headers into values while it reads frames. A time
beyond the year 9999, or lists within lists, raise an exception in there, which ends the connection; and where the
message is in a stream, so it ends each later connection that comes to it. None of our programs reads such a header.

Of a name that comes more than once the first value counts: a stream puts the offset that it gives a message before
whatever its publisher has called `x-stream-offset`. pika takes the last one, and a reader that believed it would miss
messages, or end at each attempt. pika is pinned, and tests hold this. Importing the module changes pika; nothing else
may do that.
"""

import struct

from pika import data

_FIXED_BYTES = {b"T": 8, b"d": 8, b"f": 4}
"""Length of the values whose decoding may fail, by their kind. Lists and tables begin with theirs."""

_decode_value = data.decode_value


def decode_value(encoded: bytes, offset: int) -> tuple[object, int]:
    """As pika's own: the value that begins at `offset`, and where it ends."""
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
    """As pika's own, with the first value of each name."""
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
