"""Connection to RabbitMQ for one thread. Opening it is retried for a limited time; its errors become BrokerError."""

import contextlib
import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pika.exceptions
import structlog
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException

import rabbitmq.foreign_headers  # noqa: F401  (for what it does to pika)
from rabbitmq.pulse import Pulse
from schema.addresses import one_of_each_host
from schema.errors import BrokerError, SettingsError

HEARTBEAT_SECONDS = 20
"""Heartbeat interval. A dead link is noticed after at most two of these; the longest batch is far shorter."""

BLOCKED_SECONDS_MAX = 60
"""Maximum time for which the broker may block publishers (memory or disk alarm) before the connection fails."""

TCP_SECONDS_MAX, HOST_SECONDS_MAX = 3.0, 6.0
"""Limits for one attempt at one host: for the TCP connection, and for all until the broker has let this process in."""

RETRY_SECONDS_FIRST, RETRY_SECONDS_MAX = 0.1, 1.0
"""Pauses between attempts to connect: short, so that a process notices at once when the broker is back.

A killed broker is back after some 5 s.
"""

ANSWER_SECONDS_MAX = 10.0
"""Limit for the broker's answer to a request: to declare, bind, consume, open a channel and so on.

An answer takes milliseconds. But a broker of a cluster answers for a queue only once the queue's node answers it: for a
dead node after more than a minute (measured on 4.0: 67 to 73 s).
"""

CLOSE_SECONDS_MAX = 3.0
"""Limit for the broker's answer when this process closes the connection, and needs nothing from it any more."""

CLOSE_POLL_SECONDS = 0.05
"""Maximum seconds of each wait for a channel to close."""

NOT_FOUND = 404

# pika logs a traceback for every refused attempt to connect, which this module raises and logs in one line. Besides,
# before Python 3.11.9 formatting a traceback in one thread breaks ast.parse in another (CPython issue 106905).
logging.getLogger("pika").setLevel(logging.CRITICAL)

log = structlog.get_logger()


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turns the errors of pika and of the socket into BrokerError."""
    try:
        yield
    except (pika.exceptions.AMQPError, AMQPConnectorException, OSError) as error:
        raise BrokerError(f"RabbitMQ: {type(error).__name__} {error}") from error


def channel_beneath(channel: BlockingChannel) -> pika.channel.Channel:
    """The channel that a BlockingChannel drives; it has callbacks that BlockingChannel hides."""
    beneath: pika.channel.Channel = channel._impl  # type: ignore[attr-defined]  # pika's stubs leave out what is private
    return beneath


class Connection:
    """One BlockingConnection, for the thread that made it. Use `open_connection`."""

    def __init__(self, blocking: pika.BlockingConnection, user: str):
        self._blocking = blocking
        self.user = user
        """Name of the user as which this process is connected."""
        self.blocked_because = ""
        """Reason of the broker for taking no messages at present ("low on disk"); empty while it takes them."""
        blocking.add_on_connection_blocked_callback(lambda _, frame: self._note_blocked(frame.method.reason))
        blocking.add_on_connection_unblocked_callback(lambda *_: self._note_blocked(""))
        self._watched: set[int] = set()
        self._ended: BrokerError | None = None
        self._pulse: Pulse | None = None
        self._given_up = False

    @contextlib.contextmanager
    def answering(self, seconds_max: float | None = None) -> Iterator[None]:
        """Bounds the time of one request to the broker, and turns its errors into BrokerError.

        If the broker has not answered in time, the connection is lost: a late answer would be taken for that to another
        request. The session then begins anew, perhaps at another host. `seconds_max`: by default ANSWER_SECONDS_MAX.
        """
        if not self._blocking.is_open:
            raise BrokerError("RabbitMQ: the connection is closed")
        limit = ANSWER_SECONDS_MAX if seconds_max is None else seconds_max
        beneath: Any = self._blocking._impl  # type: ignore[attr-defined]  # private, not in pika's stubs
        silent = pika.exceptions.AMQPConnectionError(f"the broker did not answer a request in {limit:g} s")

        def give_up() -> None:
            if not self._given_up:
                self._given_up = True
                beneath._terminate_stream(silent)

        # BlockingConnection's own timers wait until the request has ended; the connection beneath it runs them at once.
        timer = beneath._adapter_call_later(limit, give_up)
        try:
            with translated():
                yield
        finally:
            beneath._adapter_remove_timeout(timer)

    def channel(self) -> BlockingChannel:
        """Opens a new channel. Raises BrokerError."""
        with self.answering():
            return self._blocking.channel()

    def watch(self, channel: BlockingChannel, what: str) -> None:
        """Makes every later `pump` raise BrokerError once the broker has ended the consumer on this channel.

        Without the error the caller would wait for messages for ever. The error is kept, because the broker may end the
        consumer while another caller pumps. Call `unwatch` or `close_channel` to stop watching.
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
        """Stops watching a channel, because this process is about to close it."""
        self._watched.discard(channel.channel_number)

    def close_channel(self, channel: BlockingChannel) -> None:
        """Closes a channel with a consumer on it; never raises.

        BlockingChannel's own close rejects each message that it has not handed out yet. A quorum queue then requeues
        them in another order, and a stream answers by closing the whole connection. The channel beneath it just closes.
        """
        self.unwatch(channel)
        with contextlib.suppress(BrokerError), self.answering():
            channel_beneath(channel).close()
            while not channel.is_closed:
                self._process(CLOSE_POLL_SECONDS)

    def require_queues(self, names: Iterable[str]) -> None:
        """Raises BrokerError unless the broker knows all of these queues.

        A broker that has just started accepts connections a moment before it knows its streams. Until then it returns
        messages published to them. If a queue of another type is bound beside a stream, it confirms them although the
        stream never gets them.
        """
        channel = self.channel()
        for name in names:
            try:
                with self.answering():
                    channel.queue_declare(name, passive=True)
            except BrokerError as error:
                because = error.__cause__
                if isinstance(because, pika.exceptions.ChannelClosedByBroker) and because.reply_code == NOT_FOUND:
                    raise BrokerError(f"the broker does not have the queue {name} (yet)") from because
                raise BrokerError(f"{error} (about the queue {name})") from because
        with self.answering():
            channel.close()

    @property
    def server_version(self) -> str:
        """Version that the broker reported when the connection was opened."""
        version = self._blocking._impl.server_properties["version"]  # type: ignore[attr-defined]  # private, not in stubs
        return version.decode() if isinstance(version, bytes) else str(version)

    def pump(self, seconds: float) -> None:
        """Reads and dispatches what has arrived; waits at most `seconds` for something. Raises BrokerError."""
        self._require_consumers()
        if self._pulse is not None:
            with translated():
                self._pulse.beat()
        self._process(seconds)
        self._require_consumers()

    def ask_regularly(self, on_answer: Callable[[], None]) -> None:
        """Makes `pump` ask the broker every second, without waiting, whether it is there. Raises BrokerError."""
        self._pulse = Pulse(channel_beneath(self.channel()), on_answer)
        on_answer()

    def _note_blocked(self, reason: str) -> None:
        self.blocked_because = reason
        if reason:
            log.warning("RabbitMQ accepts no messages", reason=reason)
        else:
            log.warning("RabbitMQ accepts messages again")

    def _process(self, seconds: float) -> None:
        if not self._blocking.is_open:  # lost during an earlier call that suppressed the error
            raise BrokerError("RabbitMQ: the connection is closed")
        with translated():
            self._blocking.process_data_events(seconds)

    def _require_consumers(self) -> None:
        if self._ended is not None:
            raise self._ended

    def end_pump(self) -> None:
        """Makes the running `pump` return at once, not at the end of its time. For callbacks that it runs.

        BlockingConnection does this for deliveries, but not for confirms.
        """
        self._blocking._request_channel_dispatch(-1)  # type: ignore[attr-defined]  # private, not in pika's stubs

    def wake(self) -> None:
        """Makes `pump` return; no effect on a closed connection. Other threads may call this method, and no other."""
        with contextlib.suppress(pika.exceptions.ConnectionWrongStateError):
            self._blocking.add_callback_threadsafe(lambda: None)

    def close(self) -> None:
        """Closes if it is still open; never raises."""
        with contextlib.suppress(BrokerError), self.answering(CLOSE_SECONDS_MAX):
            self._blocking.close()


def open_connection(url: str, name: str, patience_seconds: float = 30.0) -> Connection:
    """Connects to one of the hosts in the URL, each tried in random order before a growing, jittered pause.

    It retries for at most `patience_seconds`. Raises BrokerError, and SettingsError for a malformed URL.
    """
    hosts = _parameters(url, name)
    deadline = time.monotonic() + patience_seconds
    pause = RETRY_SECONDS_FIRST
    while True:
        try:
            return _connect_to_one(random.sample(hosts, len(hosts)))
        except BrokerError as error:
            if time.monotonic() + pause > deadline:
                raise
            log.info("waiting for the broker", error=str(error))
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(pause * 2, RETRY_SECONDS_MAX)


def _parameters(url: str, name: str) -> list[pika.URLParameters]:
    """The parameters of a connection to each host in the URL. Raises SettingsError."""
    try:
        hosts = [pika.URLParameters(single) for single in one_of_each_host(url)]
    except Exception as error:
        raise SettingsError(f"AMQP_URL is not a valid address: {error}") from error
    for parameters in hosts:
        parameters.heartbeat = HEARTBEAT_SECONDS
        parameters.blocked_connection_timeout = BLOCKED_SECONDS_MAX
        parameters.client_properties = {"connection_name": name}
        parameters.socket_timeout, parameters.stack_timeout = TCP_SECONDS_MAX, HOST_SECONDS_MAX
        # With several addresses of one name (localhost is often ::1 and 127.0.0.1) each is tried once.
        parameters.connection_attempts = 1
    return hosts


def _connect_to_one(hosts: Sequence[pika.URLParameters]) -> Connection:
    """Connects to the first host that lets this process in. Raises BrokerError, which says why each host did not."""
    refusals: list[BrokerError] = []
    for parameters in hosts:
        try:
            return Connection(_connect(parameters), _user_of(parameters))
        except BrokerError as error:
            refusals.append(error)
    if len(refusals) == 1:
        raise refusals[0]
    reasons = zip(hosts, refusals, strict=True)
    each = "; ".join(f"{parameters.host}:{parameters.port}: {error}" for parameters, error in reasons)
    raise BrokerError(f"none of the {len(hosts)} hosts in AMQP_URL lets this process in: {each}") from refusals[-1]


def _user_of(parameters: pika.URLParameters) -> str:
    """The name of the user that an address names."""
    credentials = parameters.credentials
    assert isinstance(credentials, pika.PlainCredentials), "an address has a name and a password"
    return credentials.username


def _connect(parameters: pika.URLParameters) -> pika.BlockingConnection:
    try:
        with translated():
            return pika.BlockingConnection(parameters)
    except ValueError as error:
        # pika raises this when a connection is reset at the moment it is accepted.
        raise BrokerError(f"RabbitMQ: {error}") from error
