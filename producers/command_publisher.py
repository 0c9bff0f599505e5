"""Publisher of commands to the partition logs: batched, confirmed, in each user's order across connection losses.

The load driver and the site use it. It knows nothing of files, and never decides what a command may do.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import structlog

from rabbitmq.connection import Connection
from rabbitmq.publisher import POSSIBLY_DUPLICATE, Outgoing, Publisher
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from runtime.wall_clock import now_ms
from schema.arguments import is_root_dumplog
from schema.codec import encode
from schema.commands import (
    COMMANDS_PER_MESSAGE_MAX,
    NO_USER,
    PARTITIONS,
    VERSION,
    Command,
    CommandBatch,
    DumpMarker,
    partition_of,
)
from schema.errors import BrokerError, Unroutable

LINGER_MS = 5
"""Maximum milliseconds that a command waits for others in its message. Under load, messages fill faster."""

USERS_CACHED_MAX = 1_000_000

PATIENCE_SECONDS = 60.0
"""Seconds of failed attempts, reconnections included, after which the publisher raises BrokerError."""

RETRY_PAUSE_SECONDS = 0.2
"""Seconds between attempts. `connect` itself makes longer, growing pauses while the broker does not answer."""

log = structlog.get_logger()


class CommandPublisher:
    """Publisher for one thread. `connect` opens the first connection, and a new one after each loss.

    A caller that does not publish all the time must call `pump` often: it sends the commands that have lingered.
    `possibly_duplicate`: for a publisher that continues the work of a dead one. Workers look up all it publishes.
    `reply_to`: returns the queue for the commands' outcomes. It is called for each message, as the queue may be lost
    with a connection. `on_sent`: called for each new message, with its partition, its publishing time and the number
    of its commands.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        linger_ms: int = LINGER_MS,
        patience_seconds: float = PATIENCE_SECONDS,
        possibly_duplicate: bool = False,
        reply_to: Callable[[], str | None] = lambda: None,
        on_sent: Callable[[int, int, int], None] = lambda partition, published_at_ms, commands: None,
    ):
        self._connect = connect
        self._patience_seconds = patience_seconds
        self._headers = {POSSIBLY_DUPLICATE: True} if possibly_duplicate else None
        self._reply_to = reply_to
        self._on_sent = on_sent
        self._lost: Sequence[Outgoing] = ()
        """Messages that the next connection must publish before any other; kept when the publisher gives up."""
        self._linger_seconds = linger_ms / 1000
        self._open()
        self._batches: list[list[Command]] = [[] for _ in range(PARTITIONS)]
        self._began = [0.0] * PARTITIONS
        self._batch_of: dict[str, list[Command]] = {}
        self._partition_of_batch = {id(batch): partition for partition, batch in enumerate(self._batches)}
        self.published = 0
        """Number of commands accepted so far."""
        self.messages = [0] * PARTITIONS
        """Number of messages sent so far, by partition, without repetitions."""
        self.sent_ms = [0] * PARTITIONS
        """Publishing time of the last of these, by partition, ms since the epoch."""

    def publish(self, command: Command, asked_by: str | None = None) -> None:
        """Queues a command after the same user's earlier ones. Raises BrokerError if the broker stays unreachable.

        `asked_by`: the person who gave a DUMPLOG of the whole log, which names no user.
        """
        if is_root_dumplog(command):
            self._publish_marker(command, asked_by)
            return
        user = command.user or NO_USER
        batch = self._batch_of.get(user)
        if batch is None:
            batch = self._assign(user)
        self.published += 1
        batch.append(command)
        if len(batch) == 1:
            self._began[self._partition_of_batch[id(batch)]] = time.monotonic()
        elif len(batch) >= COMMANDS_PER_MESSAGE_MAX:
            self._send_batch(self._partition_of_batch[id(batch)])

    def publish_at_once(self, command: Command) -> None:
        """Publishes one command and returns when it is confirmed. Raises BrokerError."""
        self.publish(command)
        self.flush()

    def publish_again(self, command: Command, asked_by: str | None = None) -> None:
        """Publishes a command that may be a repetition, alone in a message marked as such. Raises BrokerError."""
        self._send_batches()
        headers, self._headers = self._headers, {POSSIBLY_DUPLICATE: True}
        try:
            self.publish(command, asked_by)
            self._send_batches()
        finally:
            self._headers = headers

    def pump(self, seconds: float = 0) -> None:
        """Sends lingering commands, takes in confirms, keeps the connection alive. Waits at most `seconds` for events.
        Raises BrokerError.
        """
        due = time.monotonic() - self._linger_seconds
        for partition, batch in enumerate(self._batches):
            if batch and self._began[partition] <= due:
                self._send_batch(partition)
        with self._surviving():
            self._connection.pump(seconds)

    def keep_alive(self) -> None:
        """Takes in confirms and keeps the connection alive, like `pump`, but lets messages fill. Raises BrokerError."""
        with self._surviving():
            self._connection.pump(0)

    def flush(self) -> None:
        """Returns when everything published so far is confirmed. Raises BrokerError."""
        self._send_batches()
        with self._surviving():
            if self._lost:
                raise BrokerError("unconfirmed commands have not been published again yet")
            self._publisher.flush()

    @property
    def server_version(self) -> str:
        """Version of the broker."""
        return self._connection.server_version

    def close(self) -> None:
        """Drops the connection. Commands that were not flushed may be lost."""
        self._connection.close()

    def _assign(self, user: str) -> list[Command]:
        if len(self._batch_of) >= USERS_CACHED_MAX:
            self._batch_of.clear()
        batch = self._batch_of[user] = self._batches[partition_of(user)]
        return batch

    def _publish_marker(self, command: Command, asked_by: str | None) -> None:
        self._send_batches()
        published_at_ms = now_ms()
        body = encode(DumpMarker(VERSION, published_at_ms, command, asked_by))
        # The partition that executes the DUMPLOG comes last: when it does, all other partitions have their markers.
        for partition in sorted(range(PARTITIONS), key=lambda n: n == partition_of(NO_USER)):
            self._send(partition, body, published_at_ms, 1)
        self.published += 1

    def _send_batches(self) -> None:
        for partition, batch in enumerate(self._batches):
            if batch:
                self._send_batch(partition)

    def _send_batch(self, partition: int) -> None:
        batch = self._batches[partition]
        published_at_ms = now_ms()
        body = encode(CommandBatch(VERSION, published_at_ms, batch, self._reply_to()))
        commands = len(batch)
        batch.clear()
        self._send(partition, body, published_at_ms, commands)

    def _send(self, partition: int, body: bytes, published_at_ms: int, commands: int) -> None:
        message = Outgoing(COMMANDS_EXCHANGE, command_stream(partition), body, headers=self._headers)
        self.messages[partition] += 1
        self.sent_ms[partition] = published_at_ms
        self._on_sent(partition, published_at_ms, commands)
        with self._surviving(message):
            self._publisher.publish(message)

    @contextlib.contextmanager
    def _surviving(self, newest: Outgoing | None = None) -> Iterator[None]:
        """Recovers from a lost connection. `newest`: the message being sent, which `unconfirmed` may lack."""
        try:
            yield
        except Unroutable:
            raise
        except BrokerError as error:
            self._recover(error, newest)

    def _recover(self, error: BrokerError, newest: Outgoing | None) -> None:
        """Reconnects and publishes all unconfirmed messages again, in order and marked; returns when confirmed.

        They are confirmed before anything newer is published, so the order holds however often this fails.
        """
        self._publisher.require_routable()
        lost = list(self._lost) or self._publisher.unconfirmed()
        if newest is not None and not any(message is newest for message in lost):
            lost.append(newest)
        self._lost = [dataclasses.replace(message, headers={POSSIBLY_DUPLICATE: True}) for message in lost]
        log.warning("publishing again", messages=len(lost), error=str(error))
        self._connection.close()
        self._open()

    def _open(self) -> None:
        """Connects to a broker that has the streams, and publishes the lost messages. Raises BrokerError.

        Retries for `patience_seconds`: a broker that has just started does not know its streams yet.
        """
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                self._connection = self._connect()
                try:
                    self._prepare()
                except BaseException:
                    self._connection.close()
                    raise
            except BrokerError as error:
                if isinstance(error, Unroutable) or time.monotonic() > deadline:
                    raise
                time.sleep(RETRY_PAUSE_SECONDS)
            else:
                return

    def _prepare(self) -> None:
        self._connection.require_queues(map(command_stream, range(PARTITIONS)))
        self._publisher = Publisher(self._connection)
        for message in self._lost:
            self._publisher.publish(message)
        self._publisher.flush()
        self._lost = ()
