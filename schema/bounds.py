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

USER_PATTERN = r"[A-Za-z0-9_.@-]{1,64}"
SYMBOL_PATTERN = r"[A-Z]{1,3}"
"""Spec §1."""

FILENAME_CHARACTERS_MAX = 1_000
"""Far more than a name that may be dumped to has (`filenames.py`). Whoever makes a command leaves a longer one out."""

REASON_CHARACTERS_MAX = 500
"""Of why the quote server gave no price: whatever says so cuts it."""

MESSAGE_CHARACTERS_MAX = 1_000
"""Of an entry's errorMessage or debugMessage, which may hold such a reason."""

CRYPTOKEY_CHARACTERS_MAX = 512
"""As long as the whole line of the quote server may be; an honest key has 56."""

Milliseconds = Annotated[int, Meta(ge=0, le=MILLISECONDS_MAX)]
"""Time, ms since the epoch, UTC."""

Positive = Annotated[int, Meta(ge=1, le=INT64_MAX)]
NotNegative = Annotated[int, Meta(ge=0, le=INT64_MAX)]
Signed = Annotated[int, Meta(ge=-INT64_MAX, le=INT64_MAX)]

UserId = Annotated[str, Meta(pattern=rf"\A{USER_PATTERN}\Z")]
UserOrNobody = Annotated[str, Meta(pattern=rf"\A(?:{USER_PATTERN})?\Z")]
Symbol = Annotated[str, Meta(pattern=rf"\A{SYMBOL_PATTERN}\Z")]

ShortUser = Annotated[str, Meta(min_length=1, max_length=64)]
ShortSymbol = Annotated[str, Meta(min_length=1, max_length=3)]
"""Users and symbols where messages hold many of them: bounded by their length alone. Matching both patterns for each
would treble the time of decoding (500 audit entries: 0.16 ms so, 0.52 ms with patterns). `codec.decode_log` matches
each distinct value of a command log; the log of record is written by processes that have done so.
"""

NewsOfUser = Annotated[str, Meta(max_length=64)]
"""A user of whom there is news, or nobody: receivers look them up among those they know."""

Filename = Annotated[str, Meta(min_length=1, max_length=FILENAME_CHARACTERS_MAX)]
WhyNot = Annotated[str, Meta(max_length=REASON_CHARACTERS_MAX)]
LogText = Annotated[str, Meta(max_length=MESSAGE_CHARACTERS_MAX)]
Cryptokey = Annotated[str, Meta(max_length=CRYPTOKEY_CHARACTERS_MAX)]

CommandId = Annotated[bytes, Meta(min_length=16, max_length=16)]

ReplyQueue = Annotated[str, Meta(pattern=r"\Aamq\.gen-[ -~]{1,247}\Z")]
"""Name of a queue that the broker named, which takes 255 bytes. Any other could be one of our own logs, and the answer
to a stranger's command would be written there; a name that no broker takes would end the connection of who answers."""
