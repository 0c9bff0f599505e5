"""The blueprint of all API calls, with the limits common to them: the rate, and how many run at once.

It contains no view, so that views can import it without a circular import.
"""

from flask import Blueprint

from webapp.accounts import client, clients_rate
from webapp.limits import CALLS, limiter
from webapp.site import site

PREFIX = "/api/v1"

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
limiter.shared_limit(clients_rate, scope=CALLS, key_func=client)(blueprint)


@blueprint.before_request
def take_turn() -> None:
    """Makes each call wait for its client's turn, which spreads a burst of calls."""
    site().turns.take(client())


@blueprint.teardown_request
def end_turn(_error: BaseException | None) -> None:
    site().turns.end()
