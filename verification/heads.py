"""Heads of the audit log's chain as text, to be kept out of reach of anyone who can write to the database.

Each source has a line: its number, the number of its newest entry, and the digest. No I/O.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from schema.errors import DecodeError

_LINE = re.compile(r"\s*(\d{1,5})\s+(\d{1,19})\s+([0-9a-f]{64})\s*")


@dataclass(frozen=True)
class Head:
    """The digest over a source's entries up to this number."""

    source: int
    number: int
    digest: bytes


def to_text(heads: Iterable[Head], title: str) -> str:
    """Formats the heads. `title` is the text of the first line, for people."""
    return "".join([f"# {title}\n", *(f"{h.source:2} {h.number:12} {h.digest.hex()}\n" for h in heads)])


def from_text(text: str) -> list[Head]:
    """Parses heads; skips empty lines and those that begin with #.

    Raises DecodeError for any other line that is not a head, and if there is no head at all.
    """
    heads = []
    for n, line in enumerate(text.splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise DecodeError(f"line {n} is not the head of a source (source, number, digest): {line[:80]!r}")
        heads.append(Head(int(match[1]), int(match[2]), bytes.fromhex(match[3])))
    if not heads:
        raise DecodeError("no line is the head of a source, so there is nothing to compare the log with")
    return heads
