"""Waits until servers answer, by connecting to them. It never starts or stops one.

It parses the broker's greeting itself: `rabbitmq.connection` always logs in, which a broker that has just started, or
the wrong broker, may refuse. It needs no package, because `leftovers` imports it with an incomplete .venv.
"""

import socket
import struct
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from deploy.stack.failure import StackError
from schema.addresses import one_of_each_host

PAUSE_S = 0.1  # between two attempts
AMQP_HEADER = b"AMQP\x00\x00\x09\x01"
CONNECTION_START = (10, 10)  # class and method of the broker's first frame, AMQP 0-9-1 §1.4


def wait_until(
    ready: Callable[[], bool], what: str, seconds_max: float, check: Callable[[], None] | None = None
) -> None:
    """Waits until `ready()`. `check` may raise to end a pointless wait. Raises StackError after `seconds_max`."""
    deadline = time.monotonic() + seconds_max
    while not ready():
        if check:
            check()
        if time.monotonic() > deadline:
            raise StackError(f"{what} did not answer within {seconds_max:.0f} s")
        time.sleep(PAUSE_S)


def amqp_answers(url: str) -> bool:
    """Whether a broker sends its greeting on one of the hosts.

    With TLS (amqps) an open port suffices, as the greeting is encrypted.
    """
    return any(map(_host_answers, one_of_each_host(url)))


def _host_answers(url: str) -> bool:
    parts = urlsplit(url)
    secure = parts.scheme == "amqps"
    address = (parts.hostname or "localhost", parts.port or (5671 if secure else 5672))
    try:
        with socket.create_connection(address, timeout=5) as connection:
            return secure or _greets(connection)
    except OSError:
        return False


def _greets(connection: socket.socket) -> bool:
    connection.sendall(AMQP_HEADER)
    head = b""
    while len(head) < 11:  # frame type 1 byte, channel 2, size 4, then class 2 and method 2
        more = connection.recv(11 - len(head))
        if not more:
            return False
        head += more
    frame_type, _channel, _size, *method = struct.unpack(">BHIHH", head)
    return frame_type == 1 and tuple(method) == CONNECTION_START
