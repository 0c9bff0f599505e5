"""Number of sockets that this process may open. Client sockets run out before any other resource (spec §4)."""

import resource

import structlog

OTHERS = 64
"""Open files reserved for everything but quote connections: broker, database, logs, the event loop."""

log = structlog.get_logger()


def allow_sockets(wanted: int) -> int:
    """Raises this process's limit of open files as far as allowed. Returns how many sockets fit, at least 1."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + OTHERS:
        soft = wanted + OTHERS if hard == resource.RLIM_INFINITY else min(hard, wanted + OTHERS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return wanted
    allowed = max(1, min(wanted, soft - OTHERS))
    if allowed < wanted:
        log.warning("fewer sockets available than configured", wanted=wanted, allowed=allowed, limit=soft)
    return allowed
