"""Protection from other sites: a check of the host name, and headers that make browsers restrict a page to this site's
own scripts, styles and calls. Nothing here knows of people.
"""

from flask import Flask, Response, request

from webapp.api import problems
from webapp.api.problems import Problem
from webapp.live_address import live_origin
from webapp.settings import WebSettings
from webapp.trusted_hosts import REFUSAL, is_trusted

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
"""Content-Security-Policy without inline scripts or styles; `protect` adds `connect-src` for the live updates."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

HTTPS_SECONDS = 31_536_000

HEALTH = "/healthz"
"""Path that answers under any host name: load balancers ask for it by the machine's address, and it is about nobody."""


def protect(app: Flask, settings: WebSettings) -> None:
    """Answers 400 to every request for a host name that is not the site's, and puts the headers on every answer."""

    @app.before_request
    def check_host() -> Response | None:
        if request.path == HEALTH or is_trusted(request.host, settings.trusted_hosts):
            return None
        if problems.wanted():
            return problems.answer(Problem("Bad Request", 400, REFUSAL))
        return Response(f"{REFUSAL}\n", 400, mimetype="text/plain")

    @app.after_request
    def add_headers(response: Response) -> Response:
        policy = POLICY | {"connect-src": f"'self' {live_origin()}".strip()}
        response.headers["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in policy.items())
        for name, value in HEADERS.items():
            response.headers[name] = value
        if settings.https:
            response.headers["Strict-Transport-Security"] = f"max-age={HTTPS_SECONDS}"
        if "Cache-Control" not in response.headers:
            # Balances are private, and out of date a moment later.
            response.headers["Cache-Control"] = "no-store"
        return response
