"""How often one may try: logins, sign-ups, commands. Counted in memory, so per process: the site has one.

The views that people use put `login_limit` and `sign_up_limit` on themselves; the API's limits are set there.
"""

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address, headers_enabled=True, storage_uri="memory://")

login_limit = limiter.limit("10 per minute; 100 per hour", methods=["POST"])
"""From one address. Guessing a password of eight characters at this rate takes ages."""

sign_up_limit = limiter.limit("10 per hour", methods=["POST"])
"""From one address: each costs us an argon2 and a row for good."""

API_RATE = "6000 per minute"
"""Of one token or address."""


def token_or_address() -> str:
    """What API calls are counted by."""
    return request.headers.get("Authorization") or get_remote_address()
