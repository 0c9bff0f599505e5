"""Negative controls: with one defence left out, the same round reports exactly the violation that it prevents.

It is not enough that the round stalls. And with all defences in place nothing is reported although their constraints
are dropped, which shows that the defence makes the difference.
"""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.chaos import evidence
from tests.chaos.plan import HANG, plan_of
from tests.chaos.result import REST, RoundResult
from tests.chaos.round import Round
from tests.chaos.round_databases import SECOND_LINES, RoundDatabases

COMMANDS = 150

PATIENCE_SECONDS = 20.0
"""Longer than the 10 s after which a symbol without a price is requested again."""

STALLED_SECONDS = 8.0
"""Longest wait for the end of rounds that never end by themselves, or may not."""

FAULTS = {
    "fence": HANG,
    "outbox": "point after-commit",
    "lookup": "publisher kill",
    "numbering": "point after-publish",
}
"""For each defence, a fault that does harm unless that defence prevents it."""

DONE = "every confirmed command is done exactly once"
LOG = "every source of the log is gapless, once, complete"

VERIFIED = "verification finds nothing"

DONE_TWICE = re.compile(r"transaction \d+ is there 2 times")
SOURCE = re.compile(r"source (\d+): (\d+) entries, (\d+) numbers from 1 to (\d+); (\d+) were given")

Play = Callable[..., RoundResult]


@pytest.fixture
def play(databases: RoundDatabases, tmp_path: Path) -> Play:
    """Runs a round with the faults of these defences, without their constraints and without the defence `left_out`."""

    def play(*defences: str, left_out: str = "", patience: float = PATIENCE_SECONDS) -> RoundResult:
        faults = tuple(FAULTS[defence] for defence in defences)
        plan = plan_of(1, COMMANDS * len(faults), len(faults), kinds=faults, short=True)
        result = Round(plan, databases, tmp_path / "round", print, patience, left_out, exposed=defences).run()
        print({invariant: found for invariant, found in result.violations.items() if found})
        return result

    return play


def test_without_the_look_up_commands_are_done_twice(play: Play) -> None:
    violations = play("lookup", left_out="lookup").violations
    assert violations[DONE] and all(map(DONE_TWICE.fullmatch, violations[DONE]))
    assert not violations[REST]


def test_without_the_fence_two_owners_write_the_same_rows(play: Play, databases: RoundDatabases) -> None:
    """Rows of commands or fills that the late owner had decided exist twice: from it and from its successor."""
    # The late owner may arm a filled order again. Nobody fires it, so the round may not come to rest.
    violations = play("fence", left_out="fence", patience=STALLED_SECONDS).violations
    with psycopg.connect(databases.database_url) as connection:
        kinds = {kind for (kind,) in connection.execute(_WRITTEN_TWICE)}
    assert kinds
    if "command" in kinds:
        assert any(map(DONE_TWICE.fullmatch, violations[DONE]))
    assert violations[VERIFIED]


def test_without_the_numbering_entries_are_stored_twice(play: Play) -> None:
    violations = play("numbering", left_out="numbering").violations
    sources = [SOURCE.fullmatch(found) for found in violations[LOG] if found.startswith("source")]
    assert sources
    for _, entries, numbers, newest, given in (map(int, source.groups()) for source in sources):
        assert entries > numbers == newest == given
    assert not violations[DONE] and not violations[REST]


def test_without_the_outbox_entries_are_missing(play: Play, databases: RoundDatabases) -> None:
    violations = play("outbox", left_out="outbox", patience=STALLED_SECONDS).violations
    found = [SOURCE.fullmatch(found) for found in violations[LOG] if found.startswith("source")]
    short = {int(source) for source, *_, newest, given in (one.groups() for one in found) if int(newest) < int(given)}
    assert short & _holed(databases)


def _holed(databases: RoundDatabases) -> set[int]:
    """Finds sources with an entry that is nowhere in the stream although later ones are: nobody will publish it."""
    published = evidence.gather(databases.amqp_url, set()).entry_copies
    newest: dict[int, int] = {}
    for source, number in published:
        newest[source] = max(newest.get(source, 0), number)
    return {source for source, last in newest.items() for n in range(1, last) if (source, n) not in published}


def test_with_all_defences_the_same_faults_do_no_harm(play: Play) -> None:
    """No constraint backs any of these defences here. The outbox never has one."""
    result = play(*SECOND_LINES)
    assert {invariant: found for invariant, found in result.violations.items() if found} == {}
    assert not result.missed


_WRITTEN_TWICE = """
    SELECT DISTINCT kind::text FROM history JOIN (
        SELECT user_id, seq FROM history GROUP BY 1, 2 HAVING count(*) > 1) AS twice USING (user_id, seq)"""
