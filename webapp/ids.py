"""Ids of the site's commands: derived from an idempotency key, or made at random and marked with the site's secret.

The mark lets `GET /commands/{id}` tell a command that is still on its way from an id that was never issued, without
storing ids. Everything but `draw` is pure.
"""

import hashlib
import secrets

from schema.commands import CommandName

DRAWN_BYTES = 8
MARK_BYTES = 8


class CommandIds:
    """Drawing and recognition of marked ids, with the site's secret, which nobody outside knows."""

    def __init__(self, secret_key: str):
        self._secret = hashlib.blake2b(secret_key.encode(), person=b"command ids").digest()

    def draw(self, user: str) -> bytes:
        """A new id for a command of this user."""
        drawn = secrets.token_bytes(DRAWN_BYTES)
        return drawn + self._mark(user, drawn)

    def is_drawn(self, command_id: bytes, user: str) -> bool:
        """Whether `draw` made this id for this user."""
        return secrets.compare_digest(command_id[DRAWN_BYTES:], self._mark(user, command_id[:DRAWN_BYTES]))

    def _mark(self, user: str, drawn: bytes) -> bytes:
        return hashlib.blake2b(user.encode() + b"\0" + drawn, key=self._secret, digest_size=MARK_BYTES).digest()


def of_key(user: str, key: str) -> bytes:
    """The id of the command that a user sends with this idempotency key."""
    return hashlib.blake2b(f"{user}\0{key}".encode(), digest_size=16, person=b"idempotency key").digest()


def body_digest(name: CommandName, arguments: list[str], form: tuple[str, ...] | None = None) -> bytes:
    """Digest of a command as it was typed: a key is bound to one digest, and another spelling gives another one."""
    text = "\0".join([name, *(form or ()), *arguments])
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
