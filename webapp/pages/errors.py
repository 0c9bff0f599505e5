"""Error pages, and the same errors as JSON messages for the page's script. The API has answers of its own."""

from flask import Response, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadHost, HTTPException

from webapp.limits import TooMany
from webapp.pages.submit import wants_json
from webapp.pages.words import message
from webapp.unavailable import Unavailable

TEMPLATES = {405: 404}
LOG_OUT_ENDPOINT = "pages.log_out"

PERHAPS_DONE = {
    "pages.sign_up": "Your name may have been created all the same: first try to log in with it.",
    "pages.password": "Your password may have been changed all the same: if you have to log in, try the new one first.",
}
"""Sentences for forms whose effect is kept although something after it failed, by endpoint."""


def of_unavailable(error: Unavailable, perhaps_taken: bool) -> Response:
    """Answer 503, which says when to retry and whether a command that was sent may take effect."""
    sentence = "Day Trade cannot be reached at the moment."
    if wants_json():
        perhaps = "It may have been accepted. Press again: it will not be done twice."
        text = perhaps if perhaps_taken else "Nothing was changed. Try again in a moment."
        response = jsonify(message("error", sentence, text))
    else:
        response = make_response(
            render_template(
                "unavailable.html",
                sentence=sentence,
                perhaps_taken=perhaps_taken,
                is_still_logged_in=request.endpoint == LOG_OUT_ENDPOINT,
                perhaps_done=PERHAPS_DONE.get(request.endpoint or "") if request.method == "POST" else None,
                retry_after_seconds=error.retry_after_seconds,
                may_reload=request.method == "GET",
                again=request.full_path.rstrip("?") if request.method == "GET" else "/",
            )
        )
    response.status_code = 503
    response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def of_too_many(error: TooMany) -> Response:
    """Answer 429, which says when to try again."""
    if wants_json():
        response = jsonify(message("error", "That did not work", str(error)))
    else:
        response = make_response(render_template("errors/429.html", sentence=str(error)))
    response.status_code = 429
    response.headers["Retry-After"] = str(error.retry_after_seconds)
    return response


def of_http_error(error: HTTPException) -> Response | HTTPException:
    """The page of an HTTP error; the error itself if no page can be rendered."""
    if isinstance(error, BadHost):
        return error  # every page has addresses, which need a valid host
    code = error.code or 500
    if wants_json():
        text = "Reload the page, then try again." if isinstance(error, CSRFError) else error.description or ""
        return make_response(jsonify(message("error", "That did not work", text)), code)
    page = render_template(f"errors/{TEMPLATES.get(code, code)}.html", sentence=None)
    return make_response(page, code)
