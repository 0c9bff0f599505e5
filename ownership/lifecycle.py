"""Life of a consumer process: it works until SIGTERM, and starts a new session whenever it loses a server."""

import contextlib
import random
import signal
import time
from collections.abc import Callable

import structlog

from ownership.counting import count_lost_session
from runtime.vitals import VITALS
from schema.errors import BrokerError, StoreError

PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.1, 1.0

GOOD_SECONDS = 5.0
"""Seconds after which a session counts as good: the pause after a good session is short again."""

log = structlog.get_logger()


class StopSignal:
    """Flag that SIGTERM and SIGINT set. Loops call it between batches: it returns whether a signal has come."""

    def __init__(self) -> None:
        self._stopping = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def __call__(self) -> bool:
        return self._stopping

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stopping = True


def live(session: Callable[[], None], stopping: Callable[[], bool], finishes: bool = False) -> None:
    """Runs sessions until one ends by itself. After the loss of a server it pauses and starts a new session.

    The pauses are jittered, and grow. A session opens and closes its own connections. Only BrokerError and StoreError
    lead to a new session. `finishes`: there is work to finish after the stop signal, so one more session begins even
    then; it is not repeated if it fails.
    """
    pause = PAUSE_SECONDS_FIRST
    while True:
        last = stopping()
        if last and not finishes:
            return
        VITALS.turned()
        started = time.monotonic()
        try:
            session()
            return
        except (BrokerError, StoreError) as error:
            reason = f"{type(error).__name__}: {error}"[:300]
            if last:
                log.warning("session lost while stopping; the next start continues", error=reason)
                return
            count_lost_session(error)
            log.warning("session lost; starting a new one", error=reason)
        if time.monotonic() - started > GOOD_SECONDS:
            pause = PAUSE_SECONDS_FIRST
        _wait(pause * random.uniform(0.5, 1.0), stopping)
        pause = min(pause * 2, PAUSE_SECONDS_MAX)


def _wait(seconds: float, stopping: Callable[[], bool]) -> None:
    deadline = time.monotonic() + seconds
    while not stopping() and (left := deadline - time.monotonic()) > 0:
        with contextlib.suppress(InterruptedError):
            time.sleep(min(left, 0.1))
