"""One command on its way through the gateway: its states, and who waits for what. No I/O."""

import enum
import threading

from schema.commands import Command
from schema.events import Reply


class State(enum.Enum):
    """QUEUED → SENT → CONFIRMED or FAILED; QUEUED → CANCELLED, and it surely was not published."""

    QUEUED = enum.auto()
    CANCELLED = enum.auto()
    SENT = enum.auto()
    CONFIRMED = enum.auto()
    FAILED = enum.auto()


class Submission:
    """`send` and `cancel` exclude each other: call them under one lock. The rest is safe for any thread."""

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
        """Given up by the gateway, or by whoever submitted it."""
        return self._state in (State.FAILED, State.CANCELLED)

    def cancel(self) -> bool:
        """Takes it back, if it has not left yet."""
        if self._state is State.QUEUED:
            self._state = State.CANCELLED
        return self._state is State.CANCELLED

    def send(self) -> bool:
        """It leaves now, unless it was cancelled."""
        if self._state is State.QUEUED:
            self._state = State.SENT
        return self._state is State.SENT

    def settle(self) -> None:
        """The broker has it."""
        self._state = State.CONFIRMED
        self._settled.set()

    def fail(self) -> None:
        """Nobody knows, and nobody will publish it again; nothing where it is settled."""
        if self._state is State.SENT:
            self._state = State.FAILED
            self._settled.set()

    def answer(self, reply: Reply) -> None:
        """Its outcome. Who has an outcome needs no confirm."""
        self._reply = reply
        self._answered.set()
        self._settled.set()

    def wait_settled(self, seconds: float) -> bool:
        return self._settled.wait(seconds)

    def wait_answered(self, seconds: float) -> Reply | None:
        self._answered.wait(seconds)
        return self._reply
