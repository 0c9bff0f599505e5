"""How a run of tests or of chaos is ended from outside: once. Whatever clears up after it is not interrupted again."""

import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_once() -> None:
    """From now on the first Ctrl-C or SIGTERM raises KeyboardInterrupt, and any after it is ignored.

    Whoever runs us in the foreground gets the same Ctrl-C, and passes it on as SIGTERM a moment later.
    """
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: object) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
