"""Bounds of the values in messages: what a field of each kind may hold, judged where messages are decoded.

Every field of every message has one of these types, so nothing that decodes is too large for Postgres, for a date, for
an index or for memory. The tables of `tables.py` take whatever these let through. Types only: nothing here decides what
a command may do.
"""

from typing import Annotated

from msgspec import Meta

INT64_MAX = 2**63 - 1
"""Largest number that a bigint of Postgres holds."""

MILLISECONDS_MAX = 253_402_300_799_999
"""Last millisecond of the year 9999: the latest time that Postgres, Python and browsers all show as a date."""

Milliseconds = Annotated[int, Meta(ge=0, le=MILLISECONDS_MAX)]
"""Time, ms since the epoch, UTC."""

Positive = Annotated[int, Meta(ge=1, le=INT64_MAX)]
NotNegative = Annotated[int, Meta(ge=0, le=INT64_MAX)]
