"""Sessions: an id in the signed cookie, its digest in the database, so that the site can end a session
before it expires.

Each login and each change of password issues a new id and ends the old session; a logout ends it too. No passwords and
no pages here.
"""

import hashlib
import secrets

from flask import Flask, session
from flask.sessions import SecureCookieSessionInterface

from runtime.wall_clock import now_ms
from webapp.people import Person
from webapp.store import Store

LIFETIME_MS = 7 * 24 * 3600 * 1000
"""Lifetime of a session: a person logs in once a week."""

ID = "sid"
"""Name of the session id in the cookie. When the id changes, the rest of the cookie (the CSRF token) is cleared."""


def begin(store: Store, person: Person) -> None:
    """Begins a new session for this request's browser, and ends the one it had."""
    end(store)
    session_id = secrets.token_urlsafe(32)
    now = now_ms()
    store.write(
        _BEGIN,
        digest=_digest(session_id),
        user=person.user_id,
        epoch=person.session_epoch,
        now_ms=now,
        expires_at_ms=now + LIFETIME_MS,
    )
    session[ID] = session_id
    session.permanent = True


def end(store: Store) -> None:
    """Ends this request's session, if there is one, and empties its cookie.

    Raises Unavailable. The cookie then keeps the id, without which nobody could end that session any more.
    """
    if session_id := session.get(ID):
        store.write("DELETE FROM web_sessions WHERE session_digest = :digest", digest=_digest(session_id))
    session.clear()


def person_of(store: Store, session_id: str | None) -> Person | None:
    """The person whose session this is; None if it has ended or never existed."""
    if not session_id:
        return None
    row = store.row(_PERSON, digest=_digest(session_id), now_ms=now_ms())
    return Person(*row) if row else None


def id_in_cookie(app: Flask, cookie: str | None) -> str | None:
    """The session id in a cookie's text, for processes that serve no Flask requests."""
    assert isinstance(app.session_interface, SecureCookieSessionInterface)
    serializer = app.session_interface.get_signing_serializer(app)
    assert serializer is not None, "the application has a secret key"
    okay, content = serializer.loads_unsafe(cookie) if cookie else (False, None)
    return content.get(ID) if okay and isinstance(content, dict) else None


def _digest(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()


# A login also deletes the person's own expired sessions, without scanning the table.
_BEGIN = """
    WITH cleared AS (DELETE FROM web_sessions WHERE user_id = :user AND expires_at_ms < :now_ms)
    INSERT INTO web_sessions (session_digest, user_id, session_epoch, created_at_ms, expires_at_ms)
    VALUES (:digest, :user, :epoch, :now_ms, :expires_at_ms)"""

_PERSON = """
    SELECT p.user_id, p.role::text, p.created_at_ms, p.session_epoch FROM web_sessions s
    JOIN people p ON p.user_id = s.user_id AND p.session_epoch = s.session_epoch
    WHERE s.session_digest = :digest AND s.expires_at_ms > :now_ms"""
