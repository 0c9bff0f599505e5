"""TLS proxy before a server without TLS, with a certificate made for the test."""

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path

REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""First bytes of a client of Postgres that wants TLS (Postgres manual, message SSLRequest)."""


def certificate(folder: Path, name: str, issuer: Path | None = None, address: str = "127.0.0.1") -> Path:
    """Makes a certificate for an address and, beside it, its key (`.key`). Without an issuer it is self-signed."""
    made = folder / f"{name}.crt"
    signed = ("-CA", issuer, "-CAkey", issuer.with_suffix(".key")) if issuer else ()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", f"/CN={name}", "-addext", f"subjectAltName=IP:{address}", "-days", "2", *signed),
            *("-keyout", made.with_suffix(".key"), "-out", made),
        ],
        check=True,
        capture_output=True,
    )
    return made


class TlsFront:
    """TLS proxy for one connection at a time; clients connect to `port`, and ask for TLS with the bytes `request`."""

    def __init__(self, target: tuple[str, int], certificate: Path, request: bytes = REQUEST):
        self._target, self._request = target, request
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), client, socket.create_connection(self._target) as server:
                if self._request:
                    assert client.recv(len(self._request)) == self._request
                    client.sendall(b"S")
                with self._context.wrap_socket(client, server_side=True) as inner:
                    back = threading.Thread(target=_pass_on, args=(server, inner))
                    back.start()
                    _pass_on(inner, server)
                    back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while words := source.recv(65_536):
            target.sendall(words)
        target.shutdown(socket.SHUT_WR)
