"""Dead letter: a message that consumers refused, kept for people with its place, the reason and its first bytes. Pure.

The stream holds the message at its offset until retention drops it, so only the beginning of a large one is kept here.
"""

from dataclasses import dataclass

STORED_BYTES_MAX = 65_536
"""Maximum bytes kept of a message. This project's own messages have some tens of kB, so they are kept whole."""

REASON_CHARACTERS_MAX = 500

FORGED = "forged: "
"""Beginning of the reason if the publisher of a message may not send such messages."""

FROM_NOBODY = "this message from nobody"
"""End of that reason if the message names no publisher."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message at its place in a stream. `body`: its first bytes, `size_bytes`: its whole size. See `dead_letter`."""

    stream: str
    offset: int
    reason: str
    size_bytes: int
    body: bytes

    @property
    def id(self) -> str:
        """Stream and offset, by which people name the letter. No two letters share them."""
        return f"{self.stream}/{self.offset}"

    @property
    def is_forged(self) -> bool:
        """Whether the message was refused for its publisher. Nobody may publish it again on that one's behalf."""
        return self.reason.startswith(FORGED)

    @property
    def is_unnamed(self) -> bool:
        """Whether the message was refused because it names no publisher: earlier versions named none."""
        return self.is_forged and self.reason.endswith(FROM_NOBODY)

    @property
    def is_whole(self) -> bool:
        """Whether all of the message is kept here."""
        return len(self.body) == self.size_bytes


def dead_letter(stream: str, offset: int, body: bytes, reason: str) -> DeadLetter:
    """Makes the letter for a message; cuts body and reason to their limits. Accepts any body and any reason.

    A reason often quotes the message, so it may hold characters that Postgres refuses or that a terminal obeys. They
    are escaped.
    """
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in reason)
    return DeadLetter(stream, offset, plain[:REASON_CHARACTERS_MAX], len(body), bytes(body[:STORED_BYTES_MAX]))
