"""Security events: one line in the log for each login, refusal, limit reached, token, dump, export, change of password.

Lines have `topic=security`, the event, the person if one is known, the client's network, and the endpoint. They hold
no secret: no password, token, cookie, address with a query, nor a name that nobody has (somebody may have typed a
password in its place).
"""

import structlog
from flask import Flask, Response, g, has_request_context, request

from webapp.addresses import network_of
from webapp.site import EXTENSION, Site

log = structlog.get_logger(topic="security")

TOKEN_REFUSED = "token refused"
DENIED = "denied"
LIMIT_REACHED = "limit reached"
LOGGED_STATUSES = {401: DENIED, 403: DENIED, 429: LIMIT_REACHED}


def note(event: str, person: str | None = None, **about: str | int | None) -> None:
    """Logs an event. `person`: whom it is about."""
    known = {name: value for name, value in about.items() if value is not None}
    if person is not None:
        known["person"] = person
    if has_request_context():
        known |= {"network": network_of(request.remote_addr), "endpoint": request.endpoint or ""}
    log.warning(event, **known)


def watch(app: Flask) -> None:
    """Notes each answer that refuses a client, whatever has refused it, and counts the limits reached."""

    @app.after_request
    def note_refusal(response: Response) -> Response:
        event = LOGGED_STATUSES.get(response.status_code)
        if event is None:
            return response
        if response.status_code == 401 and g.get("has_token"):
            event = TOKEN_REFUSED
        limit = g.get("limit_reached", "rate of calls") if event == LIMIT_REACHED else None
        found = g.get("person")
        note(event, found.user_id if found else None, status=response.status_code, limit=limit)
        if limit is not None:
            here: Site = app.extensions[EXTENSION]
            here.refused[limit] += 1
        return response
