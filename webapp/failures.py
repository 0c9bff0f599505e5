"""What people and programs are told when something is wrong: a page, or under /api a problem (RFC 9457). No logic else.

Pages may bring handlers of their own for what concerns them; under /api every error still becomes a problem.
"""

import structlog
from flask import Flask, Response, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError

from webapp.api import problems
from webapp.unavailable import ReadOnly, Unavailable

log = structlog.get_logger()


def handle(app: Flask) -> None:
    """Registers the handlers on the application."""
    app.register_error_handler(Unavailable, unavailable)
    app.register_error_handler(Exception, unexpected)
    app.after_request(_as_problem)


def unavailable(error: Unavailable) -> Response:
    """503 with Retry-After, whichever server is away."""
    log_unavailable(error)
    if problems.wanted():
        return problems.of_unavailable(error, perhaps_taken(error))
    response = Response(_page(error), 503, mimetype="text/html")
    response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def log_unavailable(error: Unavailable) -> None:
    """Notes for operators why somebody was told to come back later."""
    log.warning(
        "unavailable",
        what=str(error),
        cause=str(error.__cause__ or ""),
        path=request.path,
        perhaps_taken=perhaps_taken(error),
    )


def perhaps_taken(error: Unavailable) -> bool:
    """Whether what this request asks for may have taken effect, or take it yet.

    Where nobody got to look at what a request's key stands for, it may be the second one with that key. What a database
    without writes refused was not done, nor published: that comes after all writes.
    """
    if error.perhaps_taken is not None:
        return error.perhaps_taken
    if isinstance(error, ReadOnly):
        return False
    if problems.wanted():
        return request.method == "POST" and "Idempotency-Key" in request.headers
    try:
        return "form_token" in request.form
    except HTTPException:  # it cannot be read: nobody has looked at it so far
        return False


def unexpected(error: Exception) -> Response | HTTPException:
    """A mistake of ours: logged with all there is, told without any of it."""
    if isinstance(error, HTTPException):
        return error
    log.exception("request failed", path=request.path, method=request.method)
    return InternalServerError()


def _as_problem(response: Response) -> Response:
    if response.status_code >= 400 and problems.wanted() and response.mimetype != problems.MEDIA_TYPE:
        return problems.of_response(response)
    return response


def _page(error: Unavailable) -> str:
    try:
        return render_template(
            "unavailable.html",
            perhaps_taken=perhaps_taken(error),
            retry_after_seconds=error.retry_after_seconds,
        )
    except Unavailable:
        # The page shows who is logged in, which nobody knows while the database is away.
        return "<!doctype html><title>Back in a moment</title><h1>Back in a moment</h1><p>Please try again."
