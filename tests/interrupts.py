"""Interruption of a test run or a chaos round by the first signal. Later signals do not interrupt the clean-up."""

import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_once() -> None:
    """Makes the first Ctrl-C or SIGTERM raise KeyboardInterrupt, and all later ones do nothing.

    A parent process in the same terminal gets the same Ctrl-C, and passes it on as SIGTERM a moment later.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: object) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
