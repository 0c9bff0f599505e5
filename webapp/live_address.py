"""Address of the live updates, which another process (`webapp.live`) serves on the same host at another port.

Cookies ignore ports, so browsers send the session cookie there too. But it is another origin. So the page opens it with
`new EventSource(url, {withCredentials: true})`, the Content-Security-Policy names it, and `webapp.live` answers with
CORS headers for the site's origin only. Behind a proxy that puts both under one origin, LIVE_URL is a path (/live).
"""

from urllib.parse import urlsplit

from flask import request

from webapp.site import site

PATH = "/live"

API_PATH = "/api/v1/stream"
"""Path at which the live updates answer programs that have a token. At PATH they answer pages, and programs too."""

SYMBOLS_MAX = 100
"""Symbols that one page may name in the address of its stream, which must not grow too long for a proxy or a browser.

The page learns it from `base.html` and names no more; `webapp.live` refuses more. The person's own symbols need no
naming (`webapp.live.lookups.own_symbols`).
"""


def stream_url() -> str:
    """The address of the current page's stream, to which the script adds the symbols that the page shows."""
    settings = site().settings
    if settings.live_url:
        return settings.live_url
    host = urlsplit(request.host_url).hostname or settings.host
    host = f"[{host}]" if ":" in host else host
    return f"{request.scheme}://{host}:{settings.live_port}{PATH}"


def api_stream_url() -> str:
    """The address of a program's stream. Behind a proxy it is that of pages, which is the one that the proxy knows."""
    url = stream_url()
    return url if site().settings.live_url else url.removesuffix(PATH) + API_PATH


def live_origin() -> str:
    """Origin of the live updates for the page's Content-Security-Policy; empty if it is the page's own."""
    parts = urlsplit(stream_url())
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""
