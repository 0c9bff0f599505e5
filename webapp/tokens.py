"""API tokens: shown once, kept as digests, each with a name that its owner chose. No passwords and no pages here."""

import hashlib
import secrets
from contextlib import suppress

import msgspec

from webapp.people import Person
from webapp.store import Store
from webapp.unavailable import ReadOnly

PREFIX = "dt_"
"""Beginning of every token, so that one that leaked into a file or a log can be found."""

NAME_CHARACTERS_MAX = 100
TOKENS_MAX = 20
"""Maximum tokens of one person, not counting revoked ones."""


class Token(msgspec.Struct, frozen=True):
    """Data of a token that may be shown; the token itself is not among them."""

    token_id: int
    name: str
    created_at_ms: int
    last_used_at_ms: int | None


def create(store: Store, user_id: str, name: str) -> tuple[Token, str] | None:
    """Creates a token; returns it and its text, which cannot be shown again. None if the person has TOKENS_MAX."""
    text = PREFIX + secrets.token_urlsafe(32)
    row = store.row(_CREATE, digest=_digest(text), user=user_id, name=name[:NAME_CHARACTERS_MAX], most=TOKENS_MAX)
    return (Token(*row), text) if row else None


def of_person(store: Store, user_id: str) -> list[Token]:
    """The person's valid tokens, the newest first."""
    return [Token(*row) for row in store.rows(_LIST, user=user_id)]


def revoke(store: Store, user_id: str, token_id: int) -> bool:
    """Revokes a token. Returns False if the person has no such token."""
    return store.write(_REVOKE, user=user_id, token_id=token_id) == 1


def person_of(store: Store, text: str) -> Person | None:
    """The person whose token this is; None if it is not valid."""
    row = store.row(_PERSON, digest=_digest(text))
    if row is None:
        return None
    if row.stale:
        # The time of use is not essential: reading must work while the database accepts no writes.
        with suppress(ReadOnly):
            store.write(_USED, digest=_digest(text))
    return Person(*row[:-1])


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"

_CREATE = f"""
    INSERT INTO api_tokens (token_digest, user_id, name, created_at_ms) SELECT :digest, :user, :name, {_NOW}
    WHERE (SELECT count(*) FROM api_tokens WHERE user_id = :user AND revoked_at_ms IS NULL) < :most
    RETURNING token_id, name, created_at_ms, last_used_at_ms"""

_LIST = """
    SELECT token_id, name, created_at_ms, last_used_at_ms FROM api_tokens
    WHERE user_id = :user AND revoked_at_ms IS NULL ORDER BY token_id DESC"""

_REVOKE = f"""
    UPDATE api_tokens SET revoked_at_ms = {_NOW}
    WHERE user_id = :user AND token_id = :token_id AND revoked_at_ms IS NULL"""

# The use is noted at most once a minute: a write for each call would cost more than the call.
_PERSON = f"""
    SELECT p.user_id, p.role::text, p.created_at_ms, p.session_epoch,
           coalesce(t.last_used_at_ms, 0) < {_NOW} - 60000 AS stale
    FROM api_tokens t JOIN people p USING (user_id) WHERE t.token_digest = :digest AND t.revoked_at_ms IS NULL"""

_USED = f"UPDATE api_tokens SET last_used_at_ms = {_NOW} WHERE token_digest = :digest"
