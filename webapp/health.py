"""`/healthz`: whether this process can do its work, for whoever watches processes. Tells nothing about anybody."""

from flask import Blueprint, jsonify

from webapp.limits import limiter
from webapp.site import site
from webapp.unavailable import Unavailable

RETRY_AFTER_SECONDS = 2

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@limiter.exempt
def healthz():
    """200 when broker and database answer, else 503, saying which does not."""
    here = site()
    try:
        here.store.row("SELECT 1")
        database = True
    except Unavailable:
        database = False
    state = {"broker": here.gateway.up, "database": database}
    if all(state.values()):
        return jsonify(state)
    return jsonify(state), 503, {"Retry-After": str(RETRY_AFTER_SECONDS)}
