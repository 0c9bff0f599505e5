"""A connection to RabbitMQ for one thread: opening with bounded, jittered retries, pumping, errors translated."""

import contextlib
import logging
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pika.exceptions
import structlog
from pika.adapters.blocking_connection import BlockingChannel

import rabbitmq.foreign_headers  # noqa: F401  (for what it does to pika)
from schema.errors import BrokerError, SettingsError

HEARTBEAT_SECONDS = 20
"""A dead link is noticed after two of these at most; the longest bounded batch is far shorter."""

BLOCKED_SECONDS_MAX = 60
"""How long the broker may hold publishers back (memory or disk alarm) before we say so and start anew."""

RETRY_SECONDS_FIRST, RETRY_SECONDS_MAX = 0.1, 1.0
"""Between attempts. A broker is back some 5 s after it was killed: whoever waits should notice at once."""

CLOSE_POLL_SECONDS = 0.05
"""For one look at whether a channel is closed."""

NOT_FOUND = 404

# pika logs a traceback for every attempt that a lost broker refuses. We raise and log the same in one line; and in
# Python before 3.11.9 formatting tracebacks in one thread breaks ast.parse in another (CPython issue 106905).
logging.getLogger("pika").setLevel(logging.CRITICAL)

log = structlog.get_logger()


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turns what pika and the socket raise into BrokerError."""
    try:
        yield
    except (pika.exceptions.AMQPError, OSError) as error:
        raise BrokerError(f"RabbitMQ: {type(error).__name__} {error}") from error


def channel_beneath(channel: BlockingChannel) -> Any:
    """The channel that a BlockingChannel drives: it has callbacks that the other one hides."""
    return channel._impl  # type: ignore[attr-defined]  # pika's stubs leave out what is private


class Connection:
    """One BlockingConnection, for the thread that made it. Use `open_connection`."""

    def __init__(self, blocking: pika.BlockingConnection):
        self._blocking = blocking
        self.blocked_because = ""
        """Why the broker takes no messages at present, in its own words ("low on disk"); empty where it takes them."""
        blocking.add_on_connection_blocked_callback(lambda _, frame: self._note_blocked(frame.method.reason))
        blocking.add_on_connection_unblocked_callback(lambda *_: self._note_blocked(""))
        self._watched: set[int] = set()
        self._ended: BrokerError | None = None

    def channel(self) -> BlockingChannel:
        """A new channel. Raises BrokerError."""
        with translated():
            return self._blocking.channel()

    def watch(self, channel: BlockingChannel, what: str) -> None:
        """From now on the end of a consumer by the broker's doing is an error, raised by every `pump` from then on: to
        go on would be to wait for ever. Kept, because it may come while somebody else waits for something else.
        `unwatch`, or `close_channel`, when it is not wanted any more.
        """
        number = channel.channel_number
        self._watched.add(number)

        def ended(reason: object) -> None:
            if number in self._watched:
                self._ended = BrokerError(f"RabbitMQ: the broker ended the consumer of {what}: {reason}")

        def closed(_channel: object, reason: Exception) -> None:
            if isinstance(reason, pika.exceptions.ChannelClosedByBroker):
                ended(reason)

        channel.add_on_cancel_callback(lambda _: ended("cancelled"))
        channel_beneath(channel).add_on_close_callback(closed)
        if channel.is_closed:
            ended("closed")

    def unwatch(self, channel: BlockingChannel) -> None:
        """Its end is ours from now on."""
        self._watched.discard(channel.channel_number)

    def close_channel(self, channel: BlockingChannel) -> None:
        """Closes a channel with a consumer on it; never raises.

        BlockingChannel's own close rejects what it has not handed out yet, one by one: a quorum queue then has it in
        disorder, and a stream answers by closing the whole connection. The channel beneath it just closes.
        """
        self.unwatch(channel)
        with contextlib.suppress(pika.exceptions.AMQPError, OSError, BrokerError):
            channel_beneath(channel).close()
            while not channel.is_closed:
                self._process(CLOSE_POLL_SECONDS)

    def require_queues(self, names: Iterable[str]) -> None:
        """Raises BrokerError where the broker does not know all of these.

        One that has just started takes connections a moment before it knows its streams. Until then it returns what
        is published to them, or, where somebody has bound a queue of another type beside them, confirms and drops it.
        """
        channel = self.channel()
        with translated():
            try:
                for name in names:
                    channel.queue_declare(name, passive=True)
            except pika.exceptions.ChannelClosedByBroker as error:
                if error.reply_code == NOT_FOUND:
                    raise BrokerError(f"the broker does not know its queue {name} (yet)") from error
                raise
            channel.close()

    @property
    def server_version(self) -> str:
        """Of the broker, as it introduced itself."""
        version = self._blocking._impl.server_properties["version"]  # type: ignore[attr-defined]  # private, not in stubs
        return version.decode() if isinstance(version, bytes) else str(version)

    def pump(self, seconds: float) -> None:
        """Reads and dispatches what has come; waits for at most this long for something. Raises BrokerError."""
        self._require_consumers()
        self._process(seconds)
        self._require_consumers()

    def _note_blocked(self, reason: str) -> None:
        self.blocked_because = reason
        if reason:
            log.warning("RabbitMQ takes no messages", reason=reason)
        else:
            log.warning("RabbitMQ takes messages again")

    def _process(self, seconds: float) -> None:
        if not self._blocking.is_open:  # lost inside another call, whose error was not for its caller
            raise BrokerError("RabbitMQ: the connection is closed")
        with translated():
            self._blocking.process_data_events(seconds)

    def _require_consumers(self) -> None:
        if self._ended is not None:
            raise self._ended

    def end_pump(self) -> None:
        """Makes the `pump` that called back into us return now instead of at the end of its time.

        BlockingConnection does this for deliveries, but not for confirms.
        """
        self._blocking._request_channel_dispatch(-1)  # type: ignore[attr-defined]  # private, not in pika's stubs

    def wake(self) -> None:
        """Makes `pump` return. The one method that another thread may call; nothing happens on a closed connection."""
        with contextlib.suppress(pika.exceptions.ConnectionWrongStateError):
            self._blocking.add_callback_threadsafe(lambda: None)

    def close(self) -> None:
        """Closes if it is still open; never raises."""
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            self._blocking.close()


def open_connection(url: str, name: str, patience_seconds: float = 30.0) -> Connection:
    """Connects, trying again with growing, jittered pauses until the patience is over. Raises BrokerError."""
    try:
        parameters = pika.URLParameters(url)
    except Exception as error:
        raise SettingsError(f"AMQP_URL cannot be read: {error}") from error
    parameters.heartbeat = HEARTBEAT_SECONDS
    parameters.blocked_connection_timeout = BLOCKED_SECONDS_MAX
    parameters.client_properties = {"connection_name": name}
    deadline = time.monotonic() + patience_seconds
    pause = RETRY_SECONDS_FIRST
    while True:
        try:
            return Connection(_connect(parameters))
        except BrokerError as error:
            if time.monotonic() + pause > deadline:
                raise
            log.info("waiting for the broker", error=str(error))
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(pause * 2, RETRY_SECONDS_MAX)


def _connect(parameters: pika.URLParameters) -> pika.BlockingConnection:
    try:
        with translated():
            return pika.BlockingConnection(parameters)
    except ValueError as error:
        # How pika takes it when a connection is reset in the instant in which it was accepted.
        raise BrokerError(f"RabbitMQ: {error}") from error
