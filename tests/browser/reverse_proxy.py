"""Reverse proxy for tests, over real TCP, like one in front of a site: one address for pages and live updates.

Like most proxies by default, it sets Host to the upstream's address, and X-Forwarded-Host to the browser's Host.
"""

import contextlib
import http.client
import http.server
import threading

CHUNK_BYTES = 65_536
KEPT_FROM_BROWSERS = {"host", "connection", "keep-alive", "transfer-encoding"}
"""Headers that the proxy does not pass on, in either direction."""


class ReverseProxy:
    """Reverse proxy. `upstreams`: the port for each path prefix; the longest decides. Use as a context manager."""

    def __init__(self, upstreams: dict[str, int]):
        class ProxyHandler(http.server.BaseHTTPRequestHandler):
            def forward(self) -> None:
                _forward(self, next(port for start, port in ordered if self.path.startswith(start)))

            do_GET = do_POST = do_PUT = do_DELETE = forward

            def log_message(self, *_arguments: object) -> None:
                pass

        ordered = sorted(upstreams.items(), reverse=True)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ProxyHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        return self._server.server_port

    def __enter__(self) -> "ReverseProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _forward(browser: http.server.BaseHTTPRequestHandler, port: int) -> None:
    body = browser.rfile.read(int(browser.headers.get("Content-Length") or 0))
    headers = {name: value for name, value in browser.headers.items() if name.lower() not in KEPT_FROM_BROWSERS}
    came_from = [browser.headers.get("X-Forwarded-For"), browser.client_address[0]]
    headers |= {
        "X-Forwarded-For": ", ".join(filter(None, came_from)),
        "X-Forwarded-Host": browser.headers["Host"],
        "X-Forwarded-Proto": "http",
    }
    upstream = http.client.HTTPConnection("127.0.0.1", port)
    # An upstream that ends within an answer, as when a test stops it, ends the browser's connection too.
    with contextlib.closing(upstream), contextlib.suppress(ConnectionError, http.client.IncompleteRead):
        upstream.request(browser.command, browser.path, body or None, headers)
        answer = upstream.getresponse()
        browser.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in KEPT_FROM_BROWSERS:
                browser.send_header(name, value)
        browser.end_headers()
        while chunk := answer.read1(CHUNK_BYTES):
            browser.wfile.write(chunk)
            browser.wfile.flush()
