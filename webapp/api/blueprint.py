"""The blueprint of all API calls, with the limit on their rate, which is common to them.

It contains no view, so that views can import it without a circular import.
"""

from flask import Blueprint

from webapp.accounts import client, clients_rate
from webapp.limits import CALLS, limiter

PREFIX = "/api/v1"

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
limiter.shared_limit(clients_rate, scope=CALLS, key_func=client)(blueprint)
