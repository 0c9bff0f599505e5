"""Turns: of one client's requests few are worked on at once, so that a burst of them leaves the processor to others.

Python runs one thread at a time: 30 requests of one program at work make every page of other people 30 times as slow.
A turn ends where a request begins to wait for an outcome, which takes no processor.
"""

import threading

AT_ONCE_MAX = 2
CLIENTS = 64
"""Clients are told apart by a hash: two that share one share their turns as well."""

SECONDS_MAX = 0.5
"""Whoever has waited so long goes on without a turn: this only spreads a burst, and refuses nobody."""


class Turns:
    """`take` and `end` belong to one thread, which works on one request at a time."""

    def __init__(self) -> None:
        self._turns = [threading.Semaphore(AT_ONCE_MAX) for _ in range(CLIENTS)]
        self._mine = threading.local()

    def take(self, client: str) -> None:
        """Returns when it is this client's turn, or after SECONDS_MAX."""
        self.end()
        turn = self._turns[hash(client) % CLIENTS]
        if turn.acquire(timeout=SECONDS_MAX):
            self._mine.turn = turn

    def end(self) -> None:
        """Ends this thread's turn, if it has one."""
        turn, self._mine.turn = getattr(self._mine, "turn", None), None
        if turn is not None:
            turn.release()
