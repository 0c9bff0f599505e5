"""What faults excuse, and from when to when: nobody is blamed for what could not be done just then. Pure."""

from collections.abc import Iterable

from tests.chaos.expiry_check import Span
from tests.chaos.plan import victim_of
from tests.chaos.recovery import Trial

LAST_ATTEMPT_MS = 6_000
"""A request that was lost in the last moment of a fault fails so much later at most: its timeout, and some air."""


def hinders_releases(kind: str) -> bool:
    """Whether it keeps transaction workers from their work."""
    return victim_of(kind) == "transactions" or kind.startswith(("rabbitmq", "postgres", "reset", "delay", "scale"))


def takes_quotes_away(kind: str) -> bool:
    """Whether it is the quote server that is away, or does not answer as it should.

    For nothing else may a command end without a quote: a request waits for 20 s, and is repeated, so that whatever else
    fails has long recovered; and only the quote server can use up all the attempts of one.
    """
    return victim_of(kind) == "quote-server" or kind.startswith("quotes")


def outages(trials: Iterable[Trial], now_ms: int) -> list[Span]:
    """When pending orders could not be released: from a strike to the recovery."""
    return [
        (trial.struck_ms, trial.recovered_ms or now_ms)
        for trial in _struck(trials)
        if hinders_releases(trial.strike.kind)
    ]


def quoteless(trials: Iterable[Trial], now_ms: int) -> list[Span]:
    """When a command might end without a quote."""
    return [
        (trial.began_ms, (trial.recovered_ms or now_ms) + LAST_ATTEMPT_MS)
        for trial in _struck(trials)
        if takes_quotes_away(trial.strike.kind)
    ]


def _struck(trials: Iterable[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.strike is not None and trial.strike.struck]
