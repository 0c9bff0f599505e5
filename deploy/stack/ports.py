"""Finds free TCP ports on the loopback interface. It does not know which programs use them."""

import random
import socket

from deploy.stack.failure import StackError

# Below the ports that Linux uses for outgoing connections (from 32768). So no client can take the port of a server
# that is restarting.
LOWEST, HIGHEST = 20_000, 29_999
TAKEN_BY_CUSTOM = {25_672}  # RabbitMQ's default port for clustering
ATTEMPTS_MAX = 200


def keep_or_find(wanted: int | None, avoid: set[int]) -> int:
    """Returns the previous port if it is free, so that addresses noted elsewhere stay valid; else another free one."""
    if wanted and wanted not in avoid and is_free(wanted):
        return wanted
    for _ in range(ATTEMPTS_MAX):
        port = random.randint(LOWEST, HIGHEST)
        if port not in avoid | TAKEN_BY_CUSTOM and is_free(port):
            return port
    raise StackError(
        f"no free port between {LOWEST} and {HIGHEST} in {ATTEMPTS_MAX} attempts: end programs that listen there"
    )


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not count as use
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
