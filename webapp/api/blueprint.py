"""The blueprint that every call of the API hangs on. Only that, so that views can import it without a circle."""

from flask import Blueprint

from webapp.limits import API_RATE, limiter, token_or_address

PREFIX = "/api/v1"

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
limiter.limit(API_RATE, key_func=token_or_address)(blueprint)
