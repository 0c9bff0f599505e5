"""`/healthz`: tells monitoring whether this process can do its work. It reveals nothing about any person."""

import time

import structlog
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from webapp.limits import limiter
from webapp.reads.log_stops import is_log_stored
from webapp.site import Site, site
from webapp.unavailable import Unavailable

RETRY_AFTER_SECONDS = 2

FRESH_SECONDS = 0.2
"""Seconds for which one check of the database serves all requests: each check is a write."""

_WRITE = "SELECT 1 FROM people LIMIT 1 FOR UPDATE SKIP LOCKED"
"""A write that changes nothing: it locks a row, which a database that takes no writes refuses."""

blueprint = Blueprint("health", __name__)
log = structlog.get_logger()


@blueprint.get("/healthz")
@limiter.exempt
def healthz() -> ResponseReturnValue:
    """200 when the broker takes commands and the database takes writes, else 503, saying which does not.

    `log`: whether the log of record is being stored. If not, the answer is still 200: the site works and nothing is
    lost, and a load balancer that drops sites answering 503 would stop trading.
    """
    here = site()
    takes_writes, is_logged = look_at_database(here)
    well = here.gateway.up and takes_writes
    state = {"broker": here.gateway.up, "database": takes_writes, "log": is_logged}
    return (jsonify(state), 200) if well else (jsonify(state), 503, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def look_at_database(here: Site) -> tuple[bool, bool]:
    """Whether the database takes writes, and whether the log of record is being stored in it."""
    at, found = here.cache.database
    if time.monotonic() - at > FRESH_SECONDS:
        try:
            here.store.row(_WRITE)
            found = not here.store.was_full(), is_log_stored(here.store)
        except (Unavailable, SQLAlchemyError) as error:  # the latter where the schema is missing: not migrated yet
            log.warning("the database accepts no writes", error=str(error), cause=str(error.__cause__))
            found = False, False
        here.cache.database = (time.monotonic(), found)
    return found
