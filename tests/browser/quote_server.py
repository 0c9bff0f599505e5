"""Quote server over real TCP whose prices the test sets; it speaks the legacy protocol (spec §4).

So a test decides when a trigger fires. The server knows nothing of the system under test.
"""

import secrets
import socketserver
import threading
import time

from schema.money import format_cents

CRYPTOKEY_BYTES = 42  # 56 characters of base64, like the legacy server's


class SteeredQuotes:
    """Quote server; a symbol costs `default_cents` until the test sets its price. Use as a context manager."""

    def __init__(self, default_cents: int = 10_000):
        self._default_cents = default_cents
        self._prices: dict[str, int | None] = {}
        self.asked: list[str] = []
        self._silent: set[str] = set()
        self._closing = threading.Event()
        outer = self

        class QuoteHandler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                answer = outer._answer(self.rfile.readline().decode("ascii", "replace").strip())
                self.wfile.write(answer.encode())

        class QuoteTcpServer(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True

        self._server = QuoteTcpServer(("127.0.0.1", 0), QuoteHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def address(self) -> str:
        host, port = self._server.server_address
        return f"{host}:{port}"

    def set_price(self, symbol: str, cents: int | None) -> None:
        """Sets the price from the next request on. None: the symbol gets no usable answer."""
        self._prices[symbol] = cents

    def be_silent(self, symbol: str) -> None:
        """Accepts requests for this symbol from now on, and never answers them."""
        self._silent.add(symbol)

    def __enter__(self) -> "SteeredQuotes":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, request: str) -> str:
        symbol, _, user = request.partition(",")
        self.asked.append(symbol)
        if symbol in self._silent:
            self._closing.wait()
        cents = self._prices.get(symbol, self._default_cents)
        if cents is None:
            return "out of order\n"
        key = secrets.token_urlsafe(CRYPTOKEY_BYTES).replace("-", "+").replace("_", "/")
        return f"{format_cents(cents)},{symbol},{user},{time.time_ns() // 1_000_000},{key}\n"
