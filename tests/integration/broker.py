"""Interference with the broker: a relay before it, and deleted streams. Holds no test."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit

from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from rabbitmq.topology import command_stream


class Relay:
    """Relay between a client and the broker, which can withhold the broker's answers, refuse, or cut the connection.

    `url`: the broker's URL by way of the relay.
    """

    def __init__(self, amqp_url: str):
        parts = urlsplit(amqp_url)
        self._target = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        here = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = parts._replace(netloc=parts.netloc.replace(f"{parts.hostname}:{parts.port}", here)).geturl()
        self.mute = False
        self.refusing = False
        self.bytes_max: int | None = None
        """Bytes that a client may send before the relay cuts its connection; None means no limit."""
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def accepted(self) -> int:
        """Number of connections so far."""
        return len(self._sockets) // 2

    def cut(self) -> None:
        for end in self._sockets:
            _shut(end)

    def close(self) -> None:
        _shut(self._listener)
        self.cut()
        for thread in self._threads:
            thread.join()
        for end in (self._listener, *self._sockets):
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            broker = socket.create_connection(self._target)
            self._sockets += [client, broker]
            for source, sink, silenced in ((client, broker, False), (broker, client, True)):
                thread = threading.Thread(target=self._forward, args=(source, sink, silenced))
                self._threads.append(thread)
                thread.start()

    def _forward(self, source: socket.socket, sink: socket.socket, silenced: bool) -> None:
        sent = 0
        with contextlib.suppress(OSError):
            while not self.refusing and (data := source.recv(65536)):
                sent += len(data)
                if not silenced and self.bytes_max is not None and sent > self.bytes_max:
                    break
                if not (silenced and self.mute):
                    sink.sendall(data)
        _shut(source)
        _shut(sink)


def delete_stream(amqp_url: str, partition: int) -> None:
    connection = open_connection(amqp_url, "test")
    connection.channel().queue_delete(command_stream(partition))
    connection.close()


def declare_again(amqp_url: str) -> None:
    connection = open_connection(amqp_url, "test")
    declare(connection)
    connection.close()


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
