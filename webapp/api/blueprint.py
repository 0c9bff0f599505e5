"""The blueprint that every call of the API hangs on, and what holds for all of them: how often, how many at once.

No call is in here, so that views can import it without a circle.
"""

from flask import Blueprint

from webapp.limits import API_RATE, limiter, token_or_address
from webapp.site import site

PREFIX = "/api/v1"

blueprint = Blueprint("api", __name__, url_prefix=PREFIX)
limiter.limit(API_RATE, key_func=token_or_address)(blueprint)


@blueprint.before_request
def take_turn() -> None:
    """Spreads a burst of one client's calls, each of which goes on in its turn."""
    site().turns.take(token_or_address())


@blueprint.teardown_request
def end_turn(_error: BaseException | None) -> None:
    site().turns.end()
