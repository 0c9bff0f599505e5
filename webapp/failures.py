"""Handlers of every error of the site: under /api a problem (RFC 9457), elsewhere a page.

`webapp.api.problems` and `webapp.pages.errors` decide what the answers look like.
"""

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, InternalServerError

from webapp.api import problems
from webapp.limits import TooMany
from webapp.pages import errors
from webapp.passwords import RETRY_AFTER_SECONDS, HashersBusy
from webapp.unavailable import ReadOnly, Unavailable

CODES = (400, 403, 404, 405, 429)
"""HTTP errors that have a page of their own. A programming error (500) has one too, which `unexpected` answers with."""

log = structlog.get_logger()


def handle(app: Flask) -> None:
    """Registers the handlers on the application."""
    app.register_error_handler(Unavailable, unavailable)
    app.register_error_handler(TooMany, too_many)
    app.register_error_handler(HashersBusy, hashers_busy)
    app.register_error_handler(Exception, unexpected)
    for code in CODES:
        app.register_error_handler(code, refused)
    app.after_request(_as_problem)


def unavailable(error: Unavailable) -> Response:
    """503 with Retry-After, whichever server is unreachable; operators find the cause in the log."""
    taken = perhaps_taken(error)
    log.warning(
        "unavailable",
        what=str(error),
        cause=str(error.__cause__ or ""),
        path=request.path,
        perhaps_taken=taken,
    )
    return problems.of_unavailable(error, taken) if problems.wanted() else errors.of_unavailable(error, taken)


def too_many(error: TooMany) -> Response:
    """429 with Retry-After, and a sentence that says which limit is reached."""
    g.limit_reached = error.limit
    return problems.of_too_many(error) if problems.wanted() else errors.of_too_many(error)


def hashers_busy(error: HashersBusy) -> Response:
    return too_many(TooMany("passwords at once", str(error), RETRY_AFTER_SECONDS))


def perhaps_taken(error: Unavailable) -> bool:
    """Whether the command that this request carries may have taken effect, or may do so yet.

    If the request failed before its idempotency key was looked up, an earlier request with that key may already have
    run. A command refused because the database accepts no writes was not published: all writes precede publishing.
    """
    if error.perhaps_taken is not None:
        return error.perhaps_taken
    if isinstance(error, ReadOnly):
        return False
    if problems.wanted():
        return request.method == "POST" and "Idempotency-Key" in request.headers
    try:
        return "form_token" in request.form
    except HTTPException:  # the form cannot be read, so nothing has acted on it
        return False


def refused(error: HTTPException) -> Response | HTTPException:
    """An HTTP error as a page; under /api `_as_problem` makes a problem of it."""
    return error if problems.wanted() else errors.of_http_error(error)


def unexpected(error: Exception) -> Response | HTTPException:
    """500 for a programming error: the log has the details, the answer has none."""
    if isinstance(error, HTTPException):
        return error
    log.exception("request failed", path=request.path, method=request.method)
    return refused(InternalServerError())


def _as_problem(response: Response) -> Response:
    if response.status_code >= 400 and problems.wanted() and response.mimetype != problems.MEDIA_TYPE:
        return problems.of_response(response)
    return response
