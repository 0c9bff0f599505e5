"""Rate limits of logins, sign-ups and API calls. Counted in memory, so per process: the site has one.

Views apply `login_limit` and `sign_up_limit` themselves; `webapp.api.blueprint` applies API_RATE.
"""

from flask import request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

limiter = Limiter(get_remote_address, headers_enabled=True, storage_uri="memory://")

login_limit = limiter.limit("10 per minute; 100 per hour", methods=["POST"])
"""Limit per address. Guessing a password of eight characters at this rate takes ages."""

sign_up_limit = limiter.limit("10 per hour", methods=["POST"])
"""Limit per address: each sign-up costs an argon2 hash and a permanent row."""

API_RATE = "6000 per minute"
"""Limit per token or address."""


def token_or_address() -> str:
    """Key by which API calls are counted."""
    return request.headers.get("Authorization") or get_remote_address()
