"""One command on its way through the gateway: its states, and the events that requests wait for. No I/O."""

import enum
import threading

from schema.commands import Command
from schema.events import Reply


class State(enum.Enum):
    """QUEUED → SENT → CONFIRMED or FAILED; QUEUED → CANCELLED, which was surely not published."""

    QUEUED = enum.auto()
    CANCELLED = enum.auto()
    SENT = enum.auto()
    CONFIRMED = enum.auto()
    FAILED = enum.auto()


class Submission:
    """A command in the gateway. Call `send` and `cancel` under one lock; any thread may call the rest.

    `again`: an earlier submission may have published the command, so the worker has to look it up.
    """

    __slots__ = ("_answered", "_reply", "_settled", "_state", "again", "command", "user")

    def __init__(self, command: Command, user: str, again: bool):
        self.command = command
        self.user = user
        self.again = again
        self._state = State.QUEUED
        self._settled = threading.Event()
        self._answered = threading.Event()
        self._reply: Reply | None = None

    @property
    def failed(self) -> bool:
        """Whether the gateway gave it up, or its submitter cancelled it."""
        return self._state in (State.FAILED, State.CANCELLED)

    def cancel(self) -> bool:
        """Cancels it unless it was sent; returns whether it is cancelled."""
        if self._state is State.QUEUED:
            self._state = State.CANCELLED
        return self._state is State.CANCELLED

    def send(self) -> bool:
        """Marks it as sent unless it was cancelled; returns whether it is to be published."""
        if self._state is State.QUEUED:
            self._state = State.SENT
        return self._state is State.SENT

    def settle(self) -> None:
        """Records the broker's confirm."""
        self._state = State.CONFIRMED
        self._settled.set()

    def fail(self) -> None:
        """Records that the gateway gave it up, though it may be published. A confirmed command stays confirmed."""
        if self._state is State.SENT:
            self._state = State.FAILED
            self._settled.set()

    def answer(self, reply: Reply) -> None:
        """Records its outcome, which implies that the broker has it."""
        self._reply = reply
        self._answered.set()
        self._settled.set()

    def wait_settled(self, seconds: float) -> bool:
        return self._settled.wait(seconds)

    def wait_answered(self, seconds: float) -> Reply | None:
        self._answered.wait(seconds)
        return self._reply
