"""`/healthz`: whether this process can do its work, for whoever watches processes. Tells nothing about anybody."""

import math
import time

import structlog
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from webapp.limits import limiter
from webapp.reads.log_stops import is_log_stored
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
def healthz() -> ResponseReturnValue:
    """200 when the broker takes commands and the database takes writes, else 503, saying which does not.

    `log`: whether the log of record is stored. Where it is not, the site does its work all the same, and whoever takes
    sites that answer 503 out of service would end the trade for a fault that loses nothing.
    """
    here = site()
    takes_writes, is_logged = _look_at_database(here)
    well = here.gateway.up and takes_writes
    state = {"broker": here.gateway.up, "database": takes_writes, "log": is_logged}
    return (jsonify(state), 200) if well else (jsonify(state), 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _look_at_database(here: Site) -> tuple[bool, bool]:
    """Whether it takes writes, and whether the log of record is stored in it."""
    found: tuple[bool, bool]
    at, found = here.kept.get("database", (-math.inf, (False, False)))
    if time.monotonic() - at > FRESH_SECONDS:
        try:
            here.store.row(_WRITE)
            found = True, is_log_stored(here.store)
        except Unavailable as error:
            log.warning("the database takes no writes", error=str(error), cause=str(error.__cause__))
            found = False, False
        here.kept["database"] = (time.monotonic(), found)
    return found
