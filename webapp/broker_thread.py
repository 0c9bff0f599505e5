"""Start, wake-up and end of a thread that alone uses a connection to the broker, on behalf of other threads.

Subclasses decide what it publishes and consumes.
"""

import threading

from rabbitmq.connection import Connection

CLOSE_SECONDS_MAX = 5.0


class BrokerThread:
    """Call `start` before use and `close` to end it, from any thread. Subclasses define `_run`, the thread's body."""

    def __init__(self, amqp_url: str, name: str, thread_name: str):
        self._amqp_url = amqp_url
        self._name = name
        self._connection: Connection | None = None
        """The connection that the thread pumps; other threads wake it through this."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=thread_name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._wake()
        self._thread.join(CLOSE_SECONDS_MAX)

    def _wake(self) -> None:
        """Interrupts the thread's wait for messages, so that it sees new work."""
        connection = self._connection
        if connection is not None:
            connection.wake()

    def _run(self) -> None:
        """Runs until `_stopping` is set."""
        raise NotImplementedError
