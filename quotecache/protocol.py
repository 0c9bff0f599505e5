"""Line protocol of the legacy quote server (spec §4): request `SYM,user`, answer `price,SYM,user,time,cryptokey`.

Pure. Anything but an exact answer to the request raises QuoteError with the reason; nothing is repaired or guessed.
"""

import re
from dataclasses import dataclass

from schema.bounds import CRYPTOKEY_CHARACTERS_MAX
from schema.commands import is_symbol, is_user
from schema.errors import MalformedMoney, QuoteError
from schema.money import format_cents, parse_cents

LINE_BYTES_MAX = CRYPTOKEY_CHARACTERS_MAX
"""Maximum bytes of an answer. A genuine line has at most 160; the parser refuses anything longer than this."""

_TIMESTAMP = re.compile(r"[0-9]{1,18}")
_CRYPTOKEY = re.compile(r"[ -~]+")


@dataclass(frozen=True, slots=True)
class PriceLine:
    """A parsed answer: the price, and the fields that the audit log records unchanged. The time is the server's."""

    price_cents: int
    quote_server_time: int
    cryptokey: str


def request_line(symbol: str, user: str) -> bytes:
    """Encodes the request for one quote."""
    assert is_symbol(symbol) and is_user(user), (symbol, user)
    return f"{symbol},{user}\n".encode("ascii")


def parse_answer(received: bytes, symbol: str, user: str) -> PriceLine:
    """Parses everything received up to the newline or the end of the connection. Raises QuoteError."""
    if len(received) > LINE_BYTES_MAX:
        raise QuoteError(f"more than {LINE_BYTES_MAX} bytes")
    if not received:
        raise QuoteError("connection closed without an answer")
    line, newline, rest = received.partition(b"\n")
    if not newline:
        raise QuoteError(f"half a line: {received[:80]!r}")
    if rest:
        raise QuoteError(f"more than one line: {received[:80]!r}")
    try:
        fields = line.removesuffix(b"\r").decode("utf-8").split(",")
    except UnicodeDecodeError as error:
        raise QuoteError(f"not UTF-8: {line[:80]!r}") from error
    if len(fields) != 5:
        raise QuoteError(f"{len(fields)} fields instead of 5: {line[:80]!r}")
    price, echoed_symbol, echoed_user, timestamp, cryptokey = fields
    if echoed_symbol != symbol:
        raise QuoteError(f"answer is for symbol {echoed_symbol[:80]!r}")
    if echoed_user != user:
        raise QuoteError(f"answer is for user {echoed_user[:80]!r}")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise QuoteError(f"not a timestamp: {timestamp[:80]!r}")
    if not _CRYPTOKEY.fullmatch(cryptokey):
        raise QuoteError(f"not a cryptokey: {cryptokey[:80]!r}")
    return PriceLine(_price_cents(price), int(timestamp), cryptokey)


def require_price_within(line: PriceLine, prices_cents: tuple[int, int]) -> PriceLine:
    """The answer, if its price is one that the server gives (spec §4). Raises QuoteError, which says the bounds."""
    least, greatest = prices_cents
    if not least <= line.price_cents <= greatest:
        bounds = f"{format_cents(least)} to {format_cents(greatest)}"
        raise QuoteError(f"price {format_cents(line.price_cents)} is outside of {bounds}")
    return line


def _price_cents(text: str) -> int:
    try:
        cents = parse_cents(text)
    except MalformedMoney as error:
        raise QuoteError(f"not a price: {text[:80]!r}") from error
    if cents <= 0 or text.startswith("+"):
        raise QuoteError(f"not a price: {text[:80]!r}")
    return cents
