"""Commands into the partition logs: batched, confirmed, and in each user's order whatever the connection does.

Used by the load driver and the web alike. Knows nothing of files, and never decides what a command may do.
"""

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import structlog

from rabbitmq.connection import Connection
from rabbitmq.publisher import POSSIBLY_DUPLICATE, Outgoing, Publisher
from rabbitmq.topology import command_stream
from runtime.wall_clock import now_ms
from schema.arguments import is_root_dumplog
from schema.codec import encode
from schema.commands import (
    COMMANDS_PER_MESSAGE_MAX,
    NOBODY,
    PARTITIONS,
    VERSION,
    Command,
    CommandBatch,
    DumpMarker,
    partition_of,
)
from schema.errors import BrokerError, Unroutable

LINGER_MS = 5
"""A command waits at most this long for company in its message; a message of 100 fills faster under load."""

USERS_CACHED_MAX = 1_000_000

PATIENCE_SECONDS = 60.0
"""A broker that takes nothing for so long, reconnections included, is given up."""

RETRY_PAUSE_SECONDS = 0.2
"""Between attempts; `connect` has longer, growing pauses of its own while nobody answers."""

log = structlog.get_logger()


class CommandPublisher:
    """For one thread. `connect` opens a connection, the first one and those after a loss.

    `publish` counts on being called often, or on `pump`: that is what sends commands that have lingered.
    `possibly_duplicate`: for a publisher that takes up the work of one that died: all it publishes is looked up.
    `reply_to`: the queue for the commands' outcomes; asked for with each message, as a lost connection may take it.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        linger_ms: int = LINGER_MS,
        patience_seconds: float = PATIENCE_SECONDS,
        possibly_duplicate: bool = False,
        reply_to: Callable[[], str | None] = lambda: None,
    ):
        self._connect = connect
        self._patience_seconds = patience_seconds
        self._headers = {POSSIBLY_DUPLICATE: True} if possibly_duplicate else None
        self._reply_to = reply_to
        self._lost: Sequence[Outgoing] = ()
        """What has to be published on the next connection before anything else; whoever gives up keeps it."""
        self._linger_seconds = linger_ms / 1000
        self._open()
        self._batches: list[list[Command]] = [[] for _ in range(PARTITIONS)]
        self._began = [0.0] * PARTITIONS
        self._batch_of: dict[str, list[Command]] = {}
        self._partition_of_batch = {id(batch): partition for partition, batch in enumerate(self._batches)}
        self.published = 0
        """Commands taken on so far."""
        self.messages = [0] * PARTITIONS
        """Messages handed over so far, by partition; repetitions are not counted."""

    def publish(self, command: Command, asked_by: str | None = None) -> None:
        """Takes a command on: behind everything of its user before. Raises BrokerError when the broker stays away.

        `asked_by`: of a DUMPLOG of the whole log, which has no user, the person who gave it.
        """
        if is_root_dumplog(command):
            self._publish_marker(command, asked_by)
            return
        user = command.user or NOBODY
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
        """One command, confirmed on return: for a caller that waits for it. Raises BrokerError."""
        self.publish(command)
        self.flush()

    def publish_again(self, command: Command, asked_by: str | None = None) -> None:
        """A command that may have been published before: alone in its message, which is marked. Raises BrokerError."""
        self._send_batches()
        headers, self._headers = self._headers, {POSSIBLY_DUPLICATE: True}
        try:
            self.publish(command, asked_by)
            self._send_batches()
        finally:
            self._headers = headers

    def pump(self, seconds: float = 0) -> None:
        """Sends what has lingered, takes in confirms, keeps the connection alive; waits for at most this long for
        something to come. Raises BrokerError.
        """
        due = time.monotonic() - self._linger_seconds
        for partition, batch in enumerate(self._batches):
            if batch and self._began[partition] <= due:
                self._send_batch(partition)
        with self._surviving():
            self._connection.pump(seconds)

    def flush(self) -> None:
        """Returns when everything published so far is confirmed. Raises BrokerError."""
        self._send_batches()
        with self._surviving():
            if self._lost:
                raise BrokerError("what was lost has not been published again so far")
            self._publisher.flush()

    @property
    def server_version(self) -> str:
        """Of the broker."""
        return self._connection.server_version

    def close(self) -> None:
        """Drops the connection; what is not flushed is not published."""
        self._connection.close()

    def _assign(self, user: str) -> list[Command]:
        if len(self._batch_of) >= USERS_CACHED_MAX:
            self._batch_of.clear()
        batch = self._batch_of[user] = self._batches[partition_of(user)]
        return batch

    def _publish_marker(self, command: Command, asked_by: str | None) -> None:
        self._send_batches()
        body = encode(DumpMarker(VERSION, now_ms(), command, asked_by))
        # The partition that answers for it comes last: done there, it is on its way everywhere.
        for partition in sorted(range(PARTITIONS), key=lambda n: n == partition_of(NOBODY)):
            self._send(partition, body)
        self.published += 1

    def _send_batches(self) -> None:
        for partition, batch in enumerate(self._batches):
            if batch:
                self._send_batch(partition)

    def _send_batch(self, partition: int) -> None:
        batch = self._batches[partition]
        body = encode(CommandBatch(VERSION, now_ms(), batch, self._reply_to()))
        batch.clear()
        self._send(partition, body)

    def _send(self, partition: int, body: bytes) -> None:
        message = Outgoing("", command_stream(partition), body, headers=self._headers)
        self.messages[partition] += 1
        with self._surviving(message):
            self._publisher.publish(message)

    @contextlib.contextmanager
    def _surviving(self, newest: Outgoing | None = None) -> Iterator[None]:
        """Makes up for a lost connection. `newest` may have been lost before it was handed over."""
        try:
            yield
        except Unroutable:
            raise
        except BrokerError as error:
            self._recover(error, newest)

    def _recover(self, error: BrokerError, newest: Outgoing | None) -> None:
        """A new connection, and on it, in order and marked, all whose fate is unknown; returns when it is confirmed.

        Confirmed before anything newer is published: so however often this fails, the order holds.
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
        """A connection to a broker that knows the logs, on which all that was lost is confirmed. Raises BrokerError.

        Tries again until the patience is over: a broker that has just started does not know its streams.
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
