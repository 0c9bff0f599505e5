"""Types of the fields in messages, each with the bounds that decoding enforces.

Every field of every message has one of these types, so no decoded value is too large for Postgres, for a date, for an
index or for memory. The tables of `tables.py` accept every value within these bounds. Nothing here decides what a
command may do.
"""

from typing import Annotated

from msgspec import Meta

INT64_MAX = 2**63 - 1
"""Largest number that a bigint of Postgres holds."""

MILLISECONDS_MAX = 253_402_300_799_999
"""Last millisecond of the year 9999: the latest time that Postgres, Python and browsers all show as a date."""

USER_PATTERN = r"[A-Za-z0-9_.@-]{1,64}"
SYMBOL_PATTERN = r"[A-Z]{1,3}"
"""Pattern of a valid stock symbol, as `USER_PATTERN` is that of a user (spec §1)."""

FILENAME_CHARACTERS_MAX = 1_000
"""Maximum characters of a file name in a message, far above the limit of `filenames.py`.

`make_command` leaves a longer name out of the command.
"""

REASON_CHARACTERS_MAX = 500
"""Maximum characters of the reason why the quote server gave no price. The sender cuts a longer one."""

MESSAGE_CHARACTERS_MAX = 1_000
"""Maximum characters of an audit entry's errorMessage or debugMessage, which may include such a reason."""

CRYPTOKEY_CHARACTERS_MAX = 512
"""Maximum characters of a cryptokey: the limit on the quote server's whole line. A usual key has 56."""

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
"""Symbol in a message that holds many of them. Only its length is bounded, and likewise that of a `ShortUser`.

Matching both patterns for each value would treble the decoding time (500 audit entries: 0.16 ms by length, 0.52 ms
with patterns). `codec.decode_log` matches each distinct value of a command log once, and the processes that write the
log of record have done so for theirs.
"""

NewsOfUser = Annotated[str, Meta(max_length=64)]
"""User whose account has changed, or empty for nobody. Receivers look the user up among those they know."""

Filename = Annotated[str, Meta(min_length=1, max_length=FILENAME_CHARACTERS_MAX)]
WhyNot = Annotated[str, Meta(max_length=REASON_CHARACTERS_MAX)]
LogText = Annotated[str, Meta(max_length=MESSAGE_CHARACTERS_MAX)]
Cryptokey = Annotated[str, Meta(max_length=CRYPTOKEY_CHARACTERS_MAX)]

CommandId = Annotated[bytes, Meta(min_length=16, max_length=16)]

ReplyQueue = Annotated[str, Meta(pattern=r"\A[ -~]{1,255}\Z")]
"""Name of the queue in which a process waits for outcomes: their key in the exchange of replies.

A longer key, or one that is no text, would end the connection of the worker that answers. No log is bound to that
exchange, so any other name does no harm.
"""
