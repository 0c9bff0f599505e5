"""A message that no consumer may obey, as it is kept for people: where it lies, why, and how it begins. Pure.

Its stream still holds the message at its offset, so that only the beginning of a large one is kept beside the reason.
"""

from dataclasses import dataclass

KEPT_BYTES_MAX = 65_536
"""Bytes of a message that are kept. An honest message has some tens of kB, so it is kept whole."""

REASON_CHARACTERS_MAX = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message at its place in a stream. `body`: its first bytes, `size_bytes`: how many it has. See `dead_letter`."""

    stream: str
    offset: int
    reason: str
    size_bytes: int
    body: bytes

    @property
    def id(self) -> str:
        """Its place, by which people name it. No two letters have the same."""
        return f"{self.stream}/{self.offset}"

    @property
    def is_whole(self) -> bool:
        """Whether all of the message is kept here."""
        return len(self.body) == self.size_bytes


def dead_letter(stream: str, offset: int, body: bytes, reason: str) -> DeadLetter:
    """The letter for a message, within the bounds of what is kept. Any body and any reason will do.

    A reason often quotes the message, so it may hold what no database takes or a terminal would obey: that is escaped.
    """
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason)
    return DeadLetter(stream, offset, plain[:REASON_CHARACTERS_MAX], len(body), bytes(body[:KEPT_BYTES_MAX]))
