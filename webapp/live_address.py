"""Where browsers find the live updates, which another process serves (`webapp.live`): on the same host, another port.

Cookies know no ports, so the session cookie comes along; but it is another origin, hence: the page opens it with
`new EventSource(url, {withCredentials: true})`, the Content-Security-Policy names it, and `webapp.live` answers with
CORS headers for the site's origin only. Behind a proxy that puts both under one origin, LIVE_URL is a path (/live).
"""

from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from flask import request

from webapp.site import site

PATH = "/live"


def stream_url(symbols: Iterable[str] = ()) -> str:
    """Of the current page's stream: its person's account, and the prices of these symbols."""
    chosen = ",".join(symbols)
    return _base() + (f"?symbols={quote(chosen, safe=',')}" if chosen else "")


def live_origin() -> str:
    """For the page's Content-Security-Policy; empty where it is the page's own."""
    parts = urlsplit(_base())
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""


def _base() -> str:
    settings = site().settings
    if settings.live_url:
        return settings.live_url
    host = urlsplit(request.host_url).hostname or settings.host
    host = f"[{host}]" if ":" in host else host
    return f"{request.scheme}://{host}:{settings.live_port}{PATH}"
