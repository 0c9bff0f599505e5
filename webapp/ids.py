"""Command ids as the web gives them: of a key, or drawn, and then recognisable as ours without being kept anywhere.

That is how `GET /commands/{id}` tells a command that is still on its way from one that never was. Pure but for the
drawing.
"""

import hashlib
import secrets

from schema.commands import CommandName

DRAWN_BYTES = 8
MARK_BYTES = 8


class CommandIds:
    """With the site's secret, which nobody outside knows."""

    def __init__(self, secret_key: str):
        self._secret = hashlib.blake2b(secret_key.encode(), person=b"command ids").digest()

    def draw(self, user: str) -> bytes:
        """A new id for a command of this user."""
        drawn = secrets.token_bytes(DRAWN_BYTES)
        return drawn + self._mark(user, drawn)

    def is_drawn(self, command_id: bytes, user: str) -> bool:
        """Whether `draw` gave it, for this user."""
        return secrets.compare_digest(command_id[DRAWN_BYTES:], self._mark(user, command_id[:DRAWN_BYTES]))

    def _mark(self, user: str, drawn: bytes) -> bytes:
        return hashlib.blake2b(user.encode() + b"\0" + drawn, key=self._secret, digest_size=MARK_BYTES).digest()


def of_key(user: str, key: str) -> bytes:
    """The id of the command that a user gave this idempotency key."""
    return hashlib.blake2b(f"{user}\0{key}".encode(), digest_size=16, person=b"idempotency key").digest()


def body_digest(name: CommandName, arguments: list[str], form: tuple[str, ...] | None = None) -> bytes:
    """Digest of what was asked for: a key stands for one body. The texts as given: another spelling is another body."""
    text = "\0".join([name, *(form or ()), *arguments])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
