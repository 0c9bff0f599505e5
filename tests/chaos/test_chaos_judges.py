"""Judges of a round detect violations: each one names the row that a test has spoiled in a good round."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from tests import forging
from tests.chaos import proofs
from tests.chaos.database_view import APPLICATION, DatabaseView
from tests.chaos.excuses import hinders_releases, takes_quotes_away
from tests.chaos.expiry_check import LATE_MS_MAX
from tests.chaos.invariants import CHECKS, Case, Judged
from tests.chaos.plan import KINDS, victim_of
from tests.chaos.quote_front import MODES
from tests.chaos.recovery import Strike
from tests.chaos.shared_round import SharedRound

ONCE = "every confirmed command is done exactly once"
AS_GIVEN = "every command is done as it was given"
IN_ORDER = "a user's commands take effect in their order"
GAPLESS = "every source of the log is gapless, once, complete"
CASH = "the log adds up to the cash"
PRICES = "every price was really answered, and used in time"
REQUESTS = "every request to the quote server is on record, with its end"
QUOTELESS = "no command lacks a quote while the quote server is well"
IN_TIME = "no reserve outlives its order by more than 5 s"
UNREADABLE = "the streams hold nothing undecodable but the invalid messages"
INVALID = "the invalid messages are the dead letters, and nothing else is"
DUMPS = "every dump is exactly the log up to its DUMPLOG"
DEATHS = "no process ends by itself"
RECOVERY = "recovery takes no longer than it may"

HISTORY = "ctid = (SELECT min(ctid) FROM history WHERE kind = 'command' AND outcome = 'done' AND command = '{}')"
LOGGED = "ctid = (SELECT min(ctid) FROM audit_events WHERE kind = '{}')"
LETTER = "letter_number = (SELECT min(letter_number) FROM dead_letters)"
QUOTE = "quote_id = (SELECT min(quote_id) FROM history)"


def released(late_ms: int, transaction: str = "transaction_number") -> str:
    """Makes SQL for the expiry of a pending order that comes `late_ms` too late."""
    return f"""
        INSERT INTO history (user_id, seq, kind, command_id, transaction_number, command, outcome, cash_delta_cents,
            reserved_delta_cents, shares_delta, reserved_shares_delta, published_at_ms, at_ms)
        SELECT o.user_id, 1000000, 'expiry', 'expiry: '::bytea || decode(lpad(to_hex(o.seq), 16, '0'), 'hex'),
            {transaction}, o.command, 'done', 0, 0, 0, 0, o.at_ms + 60000 + {late_ms}, o.at_ms + 60000 + {late_ms}
        FROM history o WHERE o.{HISTORY.format("BUY")}"""


SPOILED_ROWS = [
    (ONCE, "is not in the history", f"DELETE FROM history WHERE {HISTORY.format('ADD')}"),
    (
        ONCE,
        "is there 2 times",
        f"""ALTER TABLE history DROP CONSTRAINT history_command_id_key; CREATE TEMP TABLE one AS
            SELECT * FROM history WHERE {HISTORY.format("ADD")}; UPDATE one SET seq = 1000000;
            INSERT INTO history SELECT * FROM one""",
    ),
    (ONCE, "was never given", f"UPDATE history SET command_id = '\\xff' WHERE {HISTORY.format('ADD')}"),
    (AS_GIVEN, "given was", f"UPDATE history SET amount_cents = amount_cents + 1 WHERE {HISTORY.format('ADD')}"),
    (AS_GIVEN, "given was", f"UPDATE history SET symbol = 'ZZZ' WHERE {HISTORY.format('BUY')}"),
    (AS_GIVEN, "given was", f"UPDATE history SET price_cents = 1 WHERE {HISTORY.format('SET_BUY_TRIGGER')}"),
    (AS_GIVEN, "given was", f"UPDATE history SET command = 'CANCEL_BUY' WHERE {HISTORY.format('COMMIT_BUY')}"),
    (AS_GIVEN, "given was", f"UPDATE history SET transaction_number = 10^9 WHERE {HISTORY.format('QUOTE')}"),
    (AS_GIVEN, "given was", f"UPDATE history SET user_id = 'eve' WHERE {HISTORY.format('ADD')}"),
    (IN_ORDER, "history row", f"UPDATE history SET seq = 1000000 WHERE {HISTORY.format('ADD')}"),
    (GAPLESS, "entries", f"DELETE FROM audit_events WHERE {LOGGED.format('userCommand')}"),
    (GAPLESS, "source 65", f"UPDATE audit_events SET source = 65 WHERE {LOGGED.format('userCommand')}"),
    (
        CASH,
        "by the log",
        "UPDATE accounts SET cash_cents = cash_cents + 1 WHERE ctid = (SELECT min(ctid) FROM accounts WHERE opened)",
    ),
    (PRICES, "never answered", f"UPDATE quote_fetches SET price_cents = price_cents + 1 WHERE {QUOTE}"),
    (PRICES, "the request arrived at", f"UPDATE quote_fetches SET asked_at_ms = asked_at_ms + 600000 WHERE {QUOTE}"),
    (PRICES, "the quote's is", f"UPDATE history SET price_cents = price_cents + 1 WHERE {HISTORY.format('QUOTE')}"),
    (PRICES, "ms old", f"UPDATE history SET at_ms = at_ms + 60000 WHERE {HISTORY.format('QUOTE')}"),
    (REQUESTS, "0 are on record", f"UPDATE quote_fetches SET symbol = 'ZZZ' WHERE {QUOTE}"),
    (
        REQUESTS,
        "neither price nor failure",
        f"UPDATE quote_fetches SET price_cents = NULL, answered_at_ms = NULL WHERE {QUOTE}",
    ),
    (
        QUOTELESS,
        "found no quote",
        """UPDATE history SET reason = 'no_quote', at_ms = at_ms - 3600000 WHERE ctid = (
               SELECT min(ctid) FROM history WHERE outcome = 'rejected')""",
    ),
    (IN_TIME, "5001 ms late", released(5_001)),
    (IN_TIME, "1 ms early", released(-1)),
    (IN_TIME, "no BUY or SELL", released(0, "9")),
    (
        IN_TIME,
        "ms late",
        """UPDATE history SET at_ms = at_ms - 3600000 WHERE (user_id, seq) IN (
               SELECT user_id, seq FROM pending_orders LIMIT 1)""",
    ),
    (INVALID, "is not there", f"DELETE FROM dead_letters WHERE {LETTER}"),
    (INVALID, "is not what was sent", f"UPDATE dead_letters SET body = '' WHERE {LETTER}"),
    (INVALID, "should not be there", f"UPDATE dead_letters SET stream = 'audit', stream_offset = 10^9 WHERE {LETTER}"),
    (DUMPS, "markers in", "DELETE FROM dump_markers WHERE source = 64"),
    (DUMPS, "only in the dump", "UPDATE dump_markers SET number = number - 10 WHERE source = 0"),
    (DUMPS, "only in the log", f"UPDATE audit_events SET at_ms = at_ms + 1 WHERE {LOGGED.format('userCommand')}"),
    (
        DUMPS,
        "holds transaction",
        """DELETE FROM history WHERE (user_id, seq) IN (
               SELECT user_id, seq - 1 FROM history WHERE command = 'DUMPLOG' AND user_id <> '')""",
    ),
    (
        DUMPS,
        "adds up to",
        """UPDATE history SET cash_delta_cents = cash_delta_cents + 1 WHERE kind = 'command' AND command = 'ADD'
               AND user_id IN (SELECT user_id FROM history WHERE command = 'DUMPLOG')""",
    ),
]


@pytest.fixture
def finished(shared_round: SharedRound) -> Judged:
    return shared_round.judged


class SpoiledDatabaseView(DatabaseView):
    """Database as it is after some statements, which are never committed."""

    def __init__(self, database_url: str, statements: str):
        super().__init__(database_url)
        self._connection = psycopg.connect(database_url, application_name=APPLICATION)
        try:
            forging.allow(self._connection)
            self._connection.execute(statements)
        except BaseException:
            self._connection.close()
            raise


@dataclass
class Spoilt:
    """Judged round in which something outside the database is changed."""

    invariant: str
    named: str
    change: Callable[[Judged], Judged]


def of_evidence(**changes: object) -> Callable[[Judged], Judged]:
    return lambda judged: replace(judged, evidence=replace(judged.evidence, **changes))


def of_case(change: Callable[[Case], dict]) -> Callable[[Judged], Judged]:
    return lambda judged: replace(judged, case=replace(judged.case, **change(judged.case)))


SPOILED_REST = [
    Spoilt(UNREADABLE, "commands.00/7", of_evidence(unreadable=["commands.00/7: what is this"])),
    # A dump from the middle of the round, compared with what was confirmed later.
    Spoilt(
        DUMPS,
        "which precedes the DUMPLOG",
        of_case(lambda case: {"dumps": [replace(case.dumps[0], lines=len(case.lines), probes=len(case.probes))]}),
    ),
    # The last dump, compared with what an earlier one may hold.
    Spoilt(
        DUMPS,
        "which follows the DUMPLOG",
        of_case(
            lambda case: {"dumps": [replace(case.last_dump, number=case.dumps[0].number, asker=case.dumps[0].asker)]}
        ),
    ),
    Spoilt(DEATHS, "audit-0", of_case(lambda case: {"deaths": ["audit-0 ended by itself"]})),
    Spoilt(RECOVERY, "no recovery", lambda judged: replace(judged, strikes=[Strike("invalid messages", "", 1.0)])),
]


def test_every_invariant_has_a_case_that_violates_it() -> None:
    assert {case[0] for case in SPOILED_ROWS} | {case.invariant for case in SPOILED_REST} == set(CHECKS)


@pytest.mark.parametrize(("invariant", "named", "statements"), SPOILED_ROWS)
def test_a_spoiled_row_is_found(finished: Judged, invariant: str, named: str, statements: str) -> None:
    database = SpoiledDatabaseView(finished.case.database_url, statements)
    try:
        found = CHECKS[invariant](replace(finished, database=database))
    finally:
        database.close()
    assert any(named in one for one in found), found


@pytest.mark.parametrize("spoilt", SPOILED_REST, ids=lambda spoilt: spoilt.invariant)
def test_other_spoiled_evidence_is_found(finished: Judged, spoilt: Spoilt) -> None:
    found = CHECKS[spoilt.invariant](spoilt.change(finished))
    assert any(spoilt.named in one for one in found), found


@pytest.mark.parametrize(("begins_ms", "excused"), [(-1, True), (0, True), (1, False)])
def test_an_outage_excuses_a_late_release_for_as_long_as_it_lasts(
    finished: Judged, begins_ms: int, excused: bool
) -> None:
    database = SpoiledDatabaseView(finished.case.database_url, released(LATE_MS_MAX + 100))
    try:
        ((due_ms,),) = database.rows("SELECT at_ms - %s FROM history WHERE seq = 1000000", (LATE_MS_MAX + 100,))
        case = replace(finished.case, outages=[(due_ms + 1_000 + begins_ms, due_ms + 1_100)])
        found = [one for one in CHECKS[IN_TIME](replace(finished, database=database, case=case)) if "late" in one]
    finally:
        database.close()
    assert (not found) == excused


def test_only_faults_of_the_quote_server_excuse_a_missing_quote() -> None:
    excuses = {kind for kind in KINDS if takes_quotes_away(kind)}
    assert excuses == {"kill quote-server", "pause quote-server", *(f"quotes {mode}" for mode in MODES)}


def test_only_faults_of_transaction_workers_and_servers_excuse_a_late_release() -> None:
    blameless = ("triggers", "audit", "quotecache", "quote-server")
    kinds = {
        kind
        for kind in KINDS
        if victim_of(kind) in blameless or kind.startswith(("quotes", "publisher", "invalid messages"))
    }
    assert {kind for kind in KINDS if not hinders_releases(kind)} == kinds


@pytest.fixture
def dump_file(finished: Judged) -> Iterator[Path]:
    """The last dump's file, restored afterwards."""
    file = finished.case.dump_folder / finished.case.last_dump.filename
    text = file.read_text()
    yield file
    file.write_text(text)


@pytest.mark.parametrize(
    ("element", "named"), [("quoteServer", "the quote of transaction"), ("userCommand", "0 times WorkloadCommand")]
)
def test_an_entry_missing_from_a_dump_is_found(finished: Judged, dump_file: Path, element: str, named: str) -> None:
    lines = dump_file.read_text().splitlines(keepends=True)
    dump_file.write_text("".join(line for line in lines if not line.startswith(f"<{element}>")))
    assert any(named in one for one in CHECKS[DUMPS](finished))


def test_a_missing_dump_is_found(finished: Judged, dump_file: Path) -> None:
    dump_file.unlink()
    assert any("there is no dump" in one for one in CHECKS[DUMPS](finished))


def test_replay_finds_one_added_cent(finished: Judged) -> None:
    url = finished.case.database_url
    change = """
        UPDATE accounts SET cash_cents = cash_cents {} 1
        WHERE user_id = (SELECT min(user_id) FROM accounts WHERE opened)"""
    with psycopg.connect(url, autocommit=True, application_name=APPLICATION) as connection:
        connection.execute(change.format("+"))
        try:
            (found,) = proofs.replay(finished.case.amqp_url, url).violations()
        finally:
            connection.execute(change.format("-"))
    assert "different: " in found
