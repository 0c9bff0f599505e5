"""Turns: one client's requests run one after another, so that a burst of them leaves threads and processor to others.

Python runs one thread at a time: 30 running requests of one program make other people's pages 30 times as slow. A
request holds no thread before its turn. Its turn ends when it begins to wait for an outcome, which takes no processor
time. No I/O.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

SECONDS_MAX = 0.25
"""Longest turn; then the request goes on without one, so that a slow one delays its client's others only briefly."""


class Task(Protocol):
    """A request as the threads that serve requests take it from their queue."""

    def service(self) -> None: ...

    def cancel(self) -> None: ...


class Turn:
    """A client's request in its turn. It is itself a task, which `start` queues for the threads."""

    def __init__(self, turns: "ClientTurns", client: str, task: Task, start: Callable[[Task], None]):
        self.client = client
        self.start = start
        self.began_at = math.inf
        """Monotonic time at which a thread began with it; infinite before."""
        self._turns = turns
        self._task = task

    def service(self) -> None:
        self.began_at = time.monotonic()
        self._turns.take(self)
        try:
            self._task.service()
        finally:
            self._turns.end()

    def cancel(self) -> None:
        self._task.cancel()


class ClientTurns:
    """Turns of all clients. Safe for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, deque[Turn]] = {}
        """Turns by client: the one that has started, then those that wait for its end."""
        self._of_thread = threading.local()

    def enter(self, client: str, task: Task, start: Callable[[Task], None]) -> None:
        """Starts this client's request when the turns of all its earlier ones have ended."""
        turn = Turn(self, client, task, start)
        with self._lock:
            queue = self._queues.setdefault(client, deque())
            queue.append(turn)
            is_first = len(queue) == 1
        if is_first:
            start(turn)

    def take(self, turn: Turn) -> None:
        """Makes it the turn of this thread."""
        self._of_thread.turn = turn

    def end(self) -> None:
        """Ends this thread's turn, if it has one."""
        turn, self._of_thread.turn = getattr(self._of_thread, "turn", None), None
        if turn is not None:
            self._end(turn)

    def end_overdue(self) -> None:
        """Ends all turns that have lasted for SECONDS_MAX."""
        latest = time.monotonic() - SECONDS_MAX
        with self._lock:
            overdue = [queue[0] for queue in self._queues.values() if queue[0].began_at < latest]
        for turn in overdue:
            self._end(turn)

    def _end(self, turn: Turn) -> None:
        with self._lock:
            queue = self._queues.get(turn.client)
            if queue is None or queue[0] is not turn:  # it was overdue
                return
            queue.popleft()
            following = queue[0] if queue else None
            if following is None:
                del self._queues[turn.client]
        if following is not None:
            following.start(following)
