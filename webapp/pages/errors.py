"""When something is wrong: pages for people, one message for our script. The API answers for itself, under /api/."""

import structlog
from flask import Response, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadHost, HTTPException, InternalServerError

from webapp.failures import log_unavailable, perhaps_taken
from webapp.pages.giving import wants_json
from webapp.pages.root import pages
from webapp.pages.words import message
from webapp.unavailable import Unavailable

CODES = (400, 403, 404, 405, 429)
TEMPLATES = {405: 404}
API = "/api/"

log = structlog.get_logger()


@pages.errorhandler(Unavailable)
def unavailable(error: Unavailable) -> Response:
    """503: broker or database are away. Says when to come back, and whether what was sent may have been taken."""
    log_unavailable(error)
    sentence = "The market is out of reach for a moment."
    if wants_json():
        perhaps = "It may have been taken; press again, it will not be done twice."
        text = perhaps if perhaps_taken(error) else "Nothing was done. Try again in a moment."
        response = jsonify(message("error", sentence, text))
    else:
        response = make_response(
            render_template(
                "unavailable.html",
                sentence=sentence,
                perhaps_taken=perhaps_taken(error),
                retry_after_seconds=error.retry_after_seconds,
                may_reload=request.method == "GET",
                again=request.full_path.rstrip("?") if request.method == "GET" else "/",
            )
        )
    response.status_code = 503
    response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def wrong(error: HTTPException):
    """The page of an HTTP error."""
    # Without a sound host no address can be made, and no page drawn that has any.
    if request.path.startswith(API) or isinstance(error, BadHost):
        return error
    code = error.code
    if wants_json():
        text = "Load the page again, then once more." if isinstance(error, CSRFError) else error.description
        return jsonify(message("error", "That did not work", text)), code
    return render_template(f"errors/{TEMPLATES.get(code, code)}.html", sentence=None), code


@pages.errorhandler(Exception)
def broken(error: Exception):
    """A mistake of ours: logged with all there is, told without any of it."""
    if isinstance(error, HTTPException):
        return error
    log.exception("page failed", path=request.path, method=request.method)
    return wrong(InternalServerError())


for _code in CODES:
    pages.app_errorhandler(_code)(wrong)
