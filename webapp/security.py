"""Headers that make browsers restrict a page to this site's own scripts, styles and calls. Nothing else here."""

from flask import Flask, Response

from webapp.live_address import live_origin

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


def protect(app: Flask, https: bool) -> None:
    """Puts the headers on every answer of the application."""

    @app.after_request
    def add_headers(response: Response) -> Response:
        policy = POLICY | {"connect-src": f"'self' {live_origin()}".strip()}
        response.headers["Content-Security-Policy"] = "; ".join(f"{name} {value}" for name, value in policy.items())
        for name, value in HEADERS.items():
            response.headers[name] = value
        if https:
            response.headers["Strict-Transport-Security"] = f"max-age={HTTPS_SECONDS}"
        if "Cache-Control" not in response.headers:
            # Balances are private, and out of date a moment later.
            response.headers["Cache-Control"] = "no-store"
        return response
