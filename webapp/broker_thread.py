"""A thread that speaks with the broker for threads that must not: how it is started, woken and ended.

What it says and hears is its subclasses'.
"""

import threading

from rabbitmq.connection import Connection

CLOSE_SECONDS_MAX = 5.0


class BrokerThread:
    """`start` before use; `close` ends it. Safe for any thread. Subclasses have `_run`, which is the thread's."""

    def __init__(self, amqp_url: str, name: str, thread_name: str):
        self._amqp_url = amqp_url
        self._name = name
        self._connection: Connection | None = None
        """The one that the thread pumps, for others to wake it by."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=thread_name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._wake()
        self._thread.join(CLOSE_SECONDS_MAX)

    def _wake(self) -> None:
        """Ends the thread's waiting for messages: there is something else to do."""
        connection = self._connection
        if connection is not None:
            connection.wake()

    def _run(self) -> None:
        """Until `_stopping` is set."""
        raise NotImplementedError
