"""Known browsers: a signed cookie in each browser in which a person has logged in, which outlives the session.

Wrong passwords from strangers are limited by name (`webapp.limits`), which would let any stranger lock a person out. So
each known browser of that person has a limit of its own: the person still gets in there. The cookie proves nothing
else. Whoever copies it gains only as many guesses as its own limit allows.
"""

import secrets

from flask import Response, after_this_request, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer

LIFETIME_SECONDS = 365 * 24 * 3600
SUFFIX = "_known"


def number_of(user_id: str) -> str | None:
    """The random number of this browser, if this person has logged in here before; else None."""
    try:
        number = _serializer(user_id).loads(request.cookies.get(_name(), ""), max_age=LIFETIME_SECONDS)
    except BadSignature:
        return None
    return number if isinstance(number, str) else None


def remember(user_id: str) -> None:
    """Makes the browser a known one of this person. A browser is known for one person, the latest."""
    cookie = _serializer(user_id).dumps(number_of(user_id) or secrets.token_urlsafe(16))

    @after_this_request
    def add(response: Response) -> Response:
        response.set_cookie(
            _name(),
            cookie if isinstance(cookie, str) else cookie.decode(),
            max_age=LIFETIME_SECONDS,
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
        )
        return response


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}{SUFFIX}"


def _serializer(user_id: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt=f"known browser of {user_id}")
