"""`/healthz`: whether this process can do its work, for whoever watches processes. Tells nothing about anybody."""

import math
import time

import structlog
from flask import Blueprint, jsonify

from webapp.limits import limiter
from webapp.site import Site, site
from webapp.unavailable import Unavailable

RETRY_AFTER_SECONDS = 2

FRESH_SECONDS = 0.2
"""The database is tried no more often, however many ask: each trial is a write."""

_WRITE = "SELECT 1 FROM alembic_version FOR UPDATE SKIP LOCKED"
"""Changes nothing, yet is a write: it locks a row, which a database without writes refuses."""

blueprint = Blueprint("health", __name__)
log = structlog.get_logger()


@blueprint.get("/healthz")
@limiter.exempt
def healthz():
    """200 when the broker takes commands and the database takes writes, else 503, saying which does not."""
    here = site()
    state = {"broker": here.gateway.up, "database": _takes_writes(here)}
    if all(state.values()):
        return jsonify(state)
    return jsonify(state), 503, {"Retry-After": str(RETRY_AFTER_SECONDS)}


def _takes_writes(here: Site) -> bool:
    at, well = here.kept.get("takes writes", (-math.inf, False))
    if time.monotonic() - at > FRESH_SECONDS:
        try:
            here.store.row(_WRITE)
            well = True
        except Unavailable as error:
            log.warning("the database takes no writes", error=str(error), cause=str(error.__cause__))
            well = False
        here.kept["takes writes"] = (time.monotonic(), well)
    return well
