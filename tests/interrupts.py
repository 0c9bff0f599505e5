"""Interruption of a test run or a chaos round: once. The clean-up afterwards is not interrupted again."""

import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_once() -> None:
    """Makes the first Ctrl-C or SIGTERM raise KeyboardInterrupt, and all later ones do nothing.

    A caller in the foreground gets the same Ctrl-C, and passes it on as SIGTERM a moment later.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: object) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
