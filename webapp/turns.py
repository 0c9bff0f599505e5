"""Turns: only a few requests of one client run at once, so that its burst leaves processor time to others.

Python runs one thread at a time: 30 running requests of one program make other people's pages 30 times as slow. A
request's turn ends when it begins to wait for an outcome, which takes no processor time.
"""

import threading

AT_ONCE_MAX = 2
CLIENTS = 64
"""Slots for clients, chosen by hash: two clients in one slot share its turns."""

SECONDS_MAX = 0.5
"""Longest wait for a turn; then the request runs without one. Turns only spread a burst, and refuse nobody."""


class ClientTurns:
    """Turns of all clients. The thread that serves a request calls both `take` and `end`."""

    def __init__(self) -> None:
        self._turns = [threading.Semaphore(AT_ONCE_MAX) for _ in range(CLIENTS)]
        self._mine = threading.local()

    def take(self, client: str) -> None:
        """Waits for this client's turn, at most SECONDS_MAX."""
        self.end()
        turn = self._turns[hash(client) % CLIENTS]
        if turn.acquire(timeout=SECONDS_MAX):
            self._mine.turn = turn

    def end(self) -> None:
        """Ends this thread's turn, if it has one."""
        turn, self._mine.turn = getattr(self._mine, "turn", None), None
        if turn is not None:
            turn.release()
