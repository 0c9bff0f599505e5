"""The site's publisher of commands: one thread with one connection publishes with confirms and receives the replies.

Flask's threads hand commands over and wait; nothing else in the site publishes. Nothing here knows of HTTP, decides
what a command may do, or reads the database (`webapp.commands` does, in case a reply was lost).
"""

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import structlog

from producers.command_publisher import CommandPublisher
from rabbitmq.connection import Connection, open_connection
from rabbitmq.subscription import ReplyQueue
from runtime.vitals import VITALS
from schema.codec import decode_replies
from schema.commands import COMMANDS_PER_MESSAGE_MAX, Command
from schema.errors import BrokerError, DecodeError
from schema.events import Reply
from webapp.broker_thread import BrokerThread
from webapp.submission import Submission
from webapp.unavailable import Unavailable

QUEUED_MAX = 1_000
"""Maximum commands queued for the broker; more would wait longer than any client does."""

REMEMBERED_MAX = 10_000
"""Submissions kept so that a request can wait for their outcome; the history has the outcomes of older ones."""

DOWN_SECONDS_MAX = 3.0
"""Requests do not wait for a broker that is unreachable for longer: they would occupy all of the site's threads."""

CONNECT_SECONDS_MAX = 1.0
PAUSE_SECONDS = 0.2
PUMP_SECONDS = 1.0

log = structlog.get_logger()


class Handover(NamedTuple):
    """A command for the gateway. `again`: it may have been published before."""

    command: Command
    again: bool = False


class _Stopping(Exception):
    """Ends the wait for an unreachable broker when the gateway closes."""


class Gateway(BrokerThread):
    """Call `start` before use; `close` publishes what is queued and ends the thread. Safe for any thread."""

    def __init__(self, amqp_url: str, name: str):
        super().__init__(amqp_url, name, "gateway")
        self._lock = threading.Lock()
        self._queued: deque[Submission] = deque()
        self._remembered: OrderedDict[bytes, Submission] = OrderedDict()
        self._reply_to: str | None = None
        self._down_since: float | None = time.monotonic()
        self._sent_since: float | None = None
        """Monotonic time of the oldest publishing that the broker has not confirmed, in s; None if there is none."""

    @property
    def up(self) -> bool:
        """Whether the broker, when it was last used, was connected, had its streams, and confirmed in time."""
        return self._down_since is None and self._silent_seconds <= DOWN_SECONDS_MAX

    def begin(self, commands: Iterable[Handover], user: str, seconds: float) -> list[Submission]:
        """Hands this person's commands over, in their order, all or none of them, and does not wait.

        A command that was submitted and is not answered yet is not published a second time. Raises Unavailable when
        the broker is unreachable, or has not answered for `seconds`, or too much is waiting. The error's
        `perhaps_taken` says whether one of the commands may still take effect.
        """
        with self._lock:
            submissions = self._enter(list(commands), user, seconds)
        self._wake()
        return submissions

    def confirm(self, submissions: Sequence[Submission], seconds: float) -> None:
        """Waits for the broker's confirms. Raises Unavailable after `seconds` or if publishing failed, like `begin`."""
        ends_at = time.monotonic() + seconds
        if not all(submission.wait_settled(max(0.0, ends_at - time.monotonic())) for submission in submissions):
            with self._lock:
                still_possible = [self._may_take_effect(submission) for submission in submissions]
            raise Unavailable("the message broker does not answer", perhaps_taken=any(still_possible))
        if any(submission.failed for submission in submissions):
            raise Unavailable("the message broker refused the command", perhaps_taken=True)

    def _may_take_effect(self, submission: Submission) -> bool:
        """Whether a submission that is given up may take effect all the same; cancels it if it was not sent yet."""
        cancelled = submission.cancel()
        if self._remembered.get(submission.command.command_id) is submission and cancelled:
            del self._remembered[submission.command.command_id]
        return submission.again or not cancelled

    def submitted(self, command_id: bytes) -> Command | None:
        """The command with this id, if it was submitted here lately, so that `wait` can wait for its outcome."""
        submission = self._remembered.get(command_id)
        return submission.command if submission and not submission.failed else None

    def wait(self, command_id: bytes, seconds: float) -> Reply | None:
        """The outcome of a command submitted here, if it comes in time.

        A reply may be lost, and a DUMPLOG of the whole log has none: the history then has the outcome.
        """
        submission = self._remembered.get(command_id)
        return submission.wait_answered(seconds) if submission else None

    def _enter(self, commands: list[Handover], user: str, seconds: float) -> list[Submission]:
        under_way = {command.command_id for command, _ in commands if self._under_way(command.command_id)}
        new = [handover for handover in commands if handover.command.command_id not in under_way]
        if new:
            self._check_room(len(new), seconds, bool(under_way) or any(handover.again for handover in new))
        return [self._under_way(command.command_id) or self._add(command, user, again) for command, again in commands]

    def _under_way(self, command_id: bytes) -> Submission | None:
        known = self._remembered.get(command_id)
        return known if known is not None and not known.failed else None

    def _add(self, command: Command, user: str, again: bool) -> Submission:
        submission = Submission(command, user, again)
        self._queued.append(submission)
        self._remembered[command.command_id] = submission
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return submission

    def _check_room(self, count: int, seconds: float, perhaps_taken: bool) -> None:
        if self._silent_seconds > min(seconds, DOWN_SECONDS_MAX):
            raise Unavailable("the message broker is unavailable", retry_after_seconds=5, perhaps_taken=perhaps_taken)
        if len(self._queued) + count > QUEUED_MAX:
            raise Unavailable("too many commands are waiting", perhaps_taken=perhaps_taken)

    @property
    def _silent_seconds(self) -> float:
        """Seconds for which the broker has been unreachable, or has not confirmed what it was sent; 0 if it answers."""
        since = [moment for moment in (self._down_since, self._sent_since) if moment is not None]
        return time.monotonic() - min(since) if since else 0.0

    # -- the gateway's own thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                # The publisher waits for a lost broker without limit, and keeps unconfirmed commands in order.
                publisher = CommandPublisher(
                    self._connect, linger_ms=0, patience_seconds=math.inf, reply_to=lambda: self._reply_to
                )
                self._serve(publisher)
            except _Stopping:
                return
            except BrokerError as error:
                log.warning("gateway restarts", error=str(error))
                self._stopping.wait(PAUSE_SECONDS)
            except Exception:
                # A programming error must not leave a site that takes no more orders.
                log.exception("gateway restarts")
                self._stopping.wait(PAUSE_SECONDS)

    def _serve(self, publisher: CommandPublisher) -> None:
        taken: list[Submission] = []
        try:
            while True:
                # Cleared only here: a broker may accept connections before it accepts commands.
                self._down_since = self._sent_since = None
                taken = self._take()
                if taken:
                    self._publish(publisher, taken)
                elif self._stopping.is_set():
                    return
                else:
                    publisher.pump(PUMP_SECONDS)
        finally:
            for submission in taken:
                submission.fail()
            publisher.close()

    def _take(self) -> list[Submission]:
        """Takes what was queued while the previous round was being confirmed, at most one message's worth."""
        taken: list[Submission] = []
        with self._lock:
            while self._queued and len(taken) < COMMANDS_PER_MESSAGE_MAX:
                submission = self._queued.popleft()
                if submission.send():
                    taken.append(submission)
        return taken

    def _publish(self, publisher: CommandPublisher, taken: list[Submission]) -> None:
        self._sent_since = time.monotonic()
        for submission in taken:
            publish = publisher.publish_again if submission.again else publisher.publish
            publish(submission.command, submission.user)
        publisher.flush()
        for submission in taken:
            submission.settle()

    def _connect(self) -> Connection:
        """Opens a connection for the publisher, with a new reply queue: the old queue ended with the old connection."""
        if self._down_since is None:
            self._down_since = time.monotonic()
        if self._stopping.is_set():
            raise _Stopping
        connection = open_connection(self._amqp_url, self._name, CONNECT_SECONDS_MAX)
        try:
            connection.ask_regularly(VITALS.broker_answered)
            self._reply_to = ReplyQueue(connection, self._on_replies).name
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    def _on_replies(self, body: bytes) -> None:
        try:
            replies = decode_replies(body).replies
        except DecodeError as error:
            log.warning("undecodable message of replies", error=str(error))
            return
        for reply in replies:
            submission = self._remembered.get(reply.command_id)
            if submission is not None:
                submission.answer(reply)
