"""Spans of time in which faults excuse late expiries and missing quotes. Pure."""

from collections.abc import Iterable

from tests.chaos.expiry_check import Span
from tests.chaos.plan import victim_of
from tests.chaos.recovery import RecoveryTrial

LAST_ATTEMPT_MS = 6_000
"""Longest time from a fault's end to the failure of a request lost in it: the request's timeout, and some margin."""


def hinders_releases(kind: str) -> bool:
    """Whether the fault keeps transaction workers from their work."""
    return victim_of(kind) == "transactions" or kind.startswith(("rabbitmq", "postgres", "reset", "delay", "scale"))


def takes_quotes_away(kind: str) -> bool:
    """Whether the fault stops the quote server or makes it misbehave.

    No other fault may make a command end without a quote. A worker's request waits for 20 s and is repeated, and
    everything else has recovered by then. Only the quote server can use up all attempts for a request.
    """
    return victim_of(kind) == "quote-server" or kind.startswith("quotes")


def outages(trials: Iterable[RecoveryTrial], now_ms: int) -> list[Span]:
    """Returns the spans in which pending orders could not be released: from a strike to the recovery."""
    return [
        (trial.struck_ms, trial.recovered_ms or now_ms)
        for trial in _struck(trials)
        if hinders_releases(trial.strike.kind)
    ]


def quoteless(trials: Iterable[RecoveryTrial], now_ms: int) -> list[Span]:
    """Returns the spans in which a command might end without a quote."""
    return [
        (trial.began_ms, (trial.recovered_ms or now_ms) + LAST_ATTEMPT_MS)
        for trial in _struck(trials)
        if takes_quotes_away(trial.strike.kind)
    ]


def _struck(trials: Iterable[RecoveryTrial]) -> list[RecoveryTrial]:
    return [trial for trial in trials if trial.strike is not None and trial.strike.struck]
