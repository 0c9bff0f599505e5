"""Relay before Postgres that treats session parameters as pgbouncer does: it refuses or ignores them. Holds no test."""

import contextlib
import select
import socket
import struct
import threading
from urllib.parse import urlsplit

REFUSAL = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
"""Fields of pgbouncer's answer (1.18) to a connection with session parameters."""

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104


class Pooler:
    """`url`: the database's URL by way of the relay. `refuses`: else it ignores the parameters."""

    def __init__(self, database_url: str, refuses: bool):
        parts = urlsplit(database_url)
        self._target = (parts.hostname, parts.port)
        self._refuses = refuses
        self._listener = socket.create_server(("127.0.0.1", 0))
        here = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = parts._replace(netloc=parts.netloc.replace(f"{parts.hostname}:{parts.port}", here)).geturl()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Ends when all clients have closed their connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._threads.append(threading.Thread(target=self._serve, args=(client,)))
                self._threads[-1].start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, struct.error):
            startup = _startup(client)
            if self._refuses and b"\0options\0" in startup:
                client.sendall(b"E" + struct.pack(">I", len(REFUSAL) + 4) + REFUSAL)
                return
            with socket.create_connection(self._target) as server:
                kept = _without_options(startup)
                server.sendall(struct.pack(">I", len(kept) + 4) + kept)
                while True:
                    for end in select.select([client, server], [], [])[0]:
                        data = end.recv(65536)
                        if not data:
                            return
                        (server if end is client else client).sendall(data)


def _startup(client: socket.socket) -> bytes:
    """Reads the first message of a connection without its length, after refusing encryption."""
    while True:
        [size] = struct.unpack(">I", client.recv(4, socket.MSG_WAITALL))
        message = client.recv(size - 4, socket.MSG_WAITALL)
        if struct.unpack(">I", message[:4])[0] not in (SSL_REQUEST, GSS_REQUEST):
            return message
        client.sendall(b"N")


def _without_options(startup: bytes) -> bytes:
    words = startup[4:].rstrip(b"\0").split(b"\0")
    pairs = zip(words[::2], words[1::2], strict=True)
    return startup[:4] + b"".join(b"%s\0%s\0" % pair for pair in pairs if pair[0] != b"options") + b"\0"
