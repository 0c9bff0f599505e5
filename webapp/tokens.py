"""API tokens: shown once, kept as digests, each with a name that its owner chose. No passwords and no pages here.

A token ends when its time is over, when it is revoked, and when its person's session epoch rises: with a change of the
password or of the role.
"""

import hashlib
import secrets
from contextlib import suppress
from typing import Literal

import msgspec

from webapp.people import Person
from webapp.store import Store
from webapp.unavailable import ReadOnly

PREFIX = "dt_"
"""Beginning of every token, so that one that leaked into a file or a log can be found."""

NAME_CHARACTERS_MAX = 100
TOKENS_MAX = 20
"""Maximum valid tokens of one person."""

LIFETIME_DAYS, LIFETIME_DAYS_MAX = 90, 365
DAY_MS = 24 * 3600 * 1000

Scope = Literal["read", "trade"]
"""Rights of a token: to read only, or to do all that its person may do with the API."""

READ: Scope = "read"
TRADE: Scope = "trade"


class Token(msgspec.Struct, frozen=True):
    """Data of a token that may be shown; the token itself is not among them."""

    token_id: int
    name: str
    scope: Scope
    created_at_ms: int
    expires_at_ms: int
    last_used_at_ms: int | None
    """Time of the last use, to the minute; None if it was never used."""


class Bearer(msgspec.Struct, frozen=True):
    """The person whose token a request carries, and what that token allows."""

    person: Person
    scope: Scope


def create(
    store: Store, person: Person, name: str, scope: Scope = TRADE, days: int = LIFETIME_DAYS
) -> tuple[Token, str] | None:
    """Creates a token that expires after so many days; returns it and its text, which cannot be shown again.

    None if the person has TOKENS_MAX. If their session epoch has risen since `person` was read, the token is not valid.
    """
    text = PREFIX + secrets.token_urlsafe(32)
    row = store.row(
        _CREATE,
        digest=_digest(text),
        user=person.user_id,
        epoch=person.session_epoch,
        name=name[:NAME_CHARACTERS_MAX],
        scope=scope,
        lifetime_ms=days * DAY_MS,
        most=TOKENS_MAX,
    )
    return (Token(*row), text) if row else None


def of_person(store: Store, user_id: str) -> list[Token]:
    """The person's valid tokens, the newest first."""
    return [Token(*row) for row in store.rows(_LIST, user=user_id)]


def revoke(store: Store, user_id: str, token_id: int) -> bool:
    """Revokes a token. Returns False if the person has no such token."""
    return store.write(_REVOKE, user=user_id, token_id=token_id) == 1


def user_of(store: Store, text: str) -> str | None:
    """The user whose token this is; None if it is not valid. Writes nothing: the live updates may not."""
    row = store.row(_BEARER, digest=_digest(text))
    return row.user_id if row else None


def bearer_of(store: Store, text: str) -> Bearer | None:
    """The person whose token this is, with the token's scope; None if it is not valid."""
    row = store.row(_BEARER, digest=_digest(text))
    if row is None:
        return None
    if row.stale:
        # The time of use is not essential: reading must work while the database accepts no writes.
        with suppress(ReadOnly):
            store.write(_USED, digest=_digest(text))
    return Bearer(Person(*row[:-2]), row.scope)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


_NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"

_VALID = f"""
    t.revoked_at_ms IS NULL AND t.expires_at_ms > {_NOW}
    AND EXISTS (SELECT FROM people p WHERE p.user_id = t.user_id AND p.session_epoch = t.session_epoch)"""

_SHOWN = "token_id, name, scope::text, created_at_ms, expires_at_ms, last_used_at_ms"

_CREATE = f"""
    INSERT INTO api_tokens (token_digest, user_id, session_epoch, name, scope, created_at_ms, expires_at_ms)
    SELECT :digest, :user, :epoch, :name, CAST(:scope AS token_scope), {_NOW}, {_NOW} + :lifetime_ms
    WHERE (SELECT count(*) FROM api_tokens t WHERE t.user_id = :user AND {_VALID}) < :most
    RETURNING {_SHOWN}"""

_LIST = f"SELECT {_SHOWN} FROM api_tokens t WHERE t.user_id = :user AND {_VALID} ORDER BY token_id DESC"

_REVOKE = f"""
    UPDATE api_tokens t SET revoked_at_ms = {_NOW} WHERE t.user_id = :user AND t.token_id = :token_id AND {_VALID}"""

# The use is noted at most once a minute: a write for each call would cost more than the call.
_BEARER = f"""
    SELECT p.user_id, p.role::text, p.created_at_ms, p.session_epoch, t.scope::text,
           coalesce(t.last_used_at_ms, 0) < {_NOW} - 60000 AS stale
    FROM api_tokens t JOIN people p ON p.user_id = t.user_id AND p.session_epoch = t.session_epoch
    WHERE t.token_digest = :digest AND t.revoked_at_ms IS NULL AND t.expires_at_ms > {_NOW}"""

_USED = f"UPDATE api_tokens SET last_used_at_ms = {_NOW} WHERE token_digest = :digest"
