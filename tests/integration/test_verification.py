"""Verification of a finished run finds nothing wrong in it, and names the first bad row of each violated invariant."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bench.processes import ROOT
from consumers.audit import dump_store, dump_writing
from consumers.audit.dump_folder import DumpFolder
from database.pool import Pool
from schema.events import CLOCK_STEP_MS_MAX
from schema.outcomes import DumpState
from tests.integration import forgeries, lateness, violations
from tests.integration.lateness import expiry
from tests.integration.recorded_dumps import ROOMY
from tests.integration.violations import done
from verification import dump_file, heads, runner, snapshot
from verification.audit_chain import CHAIN
from verification.dump_file import EXACT, VALID
from verification.invariants import Finding, Invariant, Pass
from verification.order_passes import LATE
from verification.verification import PASSES, verify

CASES = violations.CASES + lateness.CASES + forgeries.CASES

SENTENCES = [invariant.sentence for one in PASSES for invariant in one.invariants] + [CHAIN]

BOUGHT_AGAIN = """
    INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms)
    SELECT symbol, 'ann', 1, false, asked_at_ms - 2001 FROM quote_fetches WHERE quote_id = 1 RETURNING quote_id"""
"""Buys the first quote's symbol again, at a time earlier than the clocks' greatest difference explains."""


@pytest.fixture
def spoiled(finished):
    """`spoiled(statements)` spoils the finished run's database.

    It returns the database's URL and the last statement's answer. One use at a time.
    """
    with finished.copied() as url:

        def spoil(*statements: str) -> tuple[str, str]:
            answer = None
            with psycopg.connect(url, autocommit=True) as connection:
                for statement in statements:
                    cursor = connection.execute(statement)
                answer = cursor.fetchone()
            assert answer, "nothing in the finished run that this could spoil"
            return url, str(answer[0])

        yield spoil


def finding(findings: list[Finding], sentence: str) -> Finding:
    (one,) = [found for found in findings if found.sentence == sentence]
    return one


def command_line(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "operators", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_a_finished_run_violates_nothing(finished):
    with finished.copied() as url:
        result = verify(url, finished.dump)
    assert [found for found in result.findings if found.violations] == []
    assert [found.sentence for found in result.findings] == [*SENTENCES, VALID, EXACT]
    assert result.history_rows >= 2_000
    assert finding(result.findings, CHAIN).looked == result.audit_entries > 3_000


def test_every_invariant_has_a_case_that_violates_it():
    assert {case[0] for case in CASES} == set(SENTENCES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_violation_is_found_and_its_first_row_is_named(spoiled, case):
    sentence, *statements = case
    url, named = spoiled(*statements)
    found = finding(verify(url).findings, sentence)
    assert found.violations > 0
    assert named in found.first


@pytest.mark.parametrize(("ms_before", "violations"), [(CLOCK_STEP_MS_MAX, 0), (CLOCK_STEP_MS_MAX + 1, 1)])
def test_a_price_may_be_used_before_its_request_by_at_most_the_difference_of_clocks(spoiled, ms_before, violations):
    url, _ = spoiled(
        f"UPDATE history SET at_ms = (SELECT asked_at_ms FROM quote_fetches AS q WHERE q.quote_id = history.quote_id)"
        f" - {ms_before} WHERE ctid = {done('QUOTE')} RETURNING 1"
    )
    assert finding(verify(url).findings, "each price was less than 60 s old when used").violations == violations


def test_numbers_beyond_64_bits_are_a_violation_and_crash_nothing(spoiled):
    url, _ = spoiled(
        "UPDATE history SET shares_delta = 2^62 WHERE command = 'COMMIT_BUY' AND outcome = 'done' RETURNING 1"
    )
    found = finding(verify(url).findings, "each row changes what its command, amount and price say")
    assert (found.violations, "out of range" in found.first) == (1, True)


@pytest.mark.parametrize("kind", ["userCommand", "errorEvent", "accountTransaction", "systemEvent", "quoteServer"])
def test_the_least_64_bit_number_is_a_violation_like_any_other(spoiled, kind):
    url, number = spoiled(
        f"""UPDATE audit_events SET at_ms = -2 ^ 63 WHERE ctid = (
                SELECT ctid FROM audit_events WHERE kind = '{kind}' AND source IN (4, 64) LIMIT 1)
            RETURNING format('audit entry %s of source %s: it differs from what was chained', number, source)"""
    )
    findings = verify(url).findings
    assert finding(findings, CHAIN).first == number
    assert len([found for found in findings if found.violations]) > 1
    assert not [found for found in findings if "cannot be" in found.first]


def test_a_bad_row_whose_name_cannot_be_computed_is_a_violation(spoiled):
    url, _ = spoiled("SELECT 1")
    nameless = Invariant("nameless", "n > 0", named="(1 / n)::text")
    named = Invariant("named", "n > 0", named="'row 0'")
    one = Pass("numbers", "SELECT 1 AS looked, 0 AS n", "n::text", "n", (nameless, named))
    with snapshot.take(url) as state, state.connection() as connection:
        first, second = runner.judge(connection, one, lambda rows: None)
    assert (first.violations, first.first) == (1, "could not be found: division by zero")
    assert (second.violations, second.first) == (1, "row 0")


def test_a_request_may_be_under_way_while_the_quote_cache_is_at_work(spoiled):
    url, _ = spoiled(forgeries.OWNED + " RETURNING 1", forgeries.REQUEST.format(age_ms=1_000))
    assert finding(verify(url).findings, forgeries.ENDED).violations == 0


def test_an_order_from_before_the_clock_was_set_back_may_expire_at_once(spoiled):
    url, _ = spoiled(expiry(late_ms=-62_001))
    sentence = "expiries give back what the order reserved, not before 60 s"
    assert finding(verify(url).findings, sentence).violations == 0


def test_a_newer_order_may_expire_before_an_older_one_is_committed_when_a_clock_was_set_back(spoiled):
    url, _ = spoiled(
        violations.eve(
            ("BUY", "command", 500, 500, -500, 500),
            ("BUY", "command", 400, 400, -400, 400),
            ("BUY", "expiry", 400, 400, 400, -400),
            ("COMMIT_BUY", "command", 500, 500, 0, -500),
        ),
        """UPDATE history SET command_id = convert_to('expiry: ', 'UTF8') || int8send(2)
            WHERE user_id = 'eve' AND seq = 3 RETURNING seq""",
    )
    findings = verify(url).findings
    for sentence in (
        "each pending order is committed, cancelled, expired or pending: one of these",
        "commits and cancels close the newest order, whole",
    ):
        assert finding(findings, sentence).violations == 0


def test_a_quote_may_be_bought_anew_after_the_clock_was_set_back(spoiled):
    url, _ = spoiled(BOUGHT_AGAIN)
    assert finding(verify(url).findings, "no quote was bought while one was usable").violations == 0


def test_an_order_that_is_overdue_now_is_late(spoiled):
    overdue = "UPDATE history SET at_ms = at_ms + 65001 WHERE ctid = (SELECT max(ctid) FROM history) RETURNING 1"
    url, _ = spoiled(lateness.ALWAYS_OWNED, overdue)
    assert finding(verify(url).findings, LATE).violations > 0


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "late"),
    [
        (None, None, False),
        (-100_000, -1_000, False),
        (-100_000, 4_999, False),
        (0, 5_001, True),
        (-100_000, 5_001, True),
        (54_998, 100_000, True),
        (55_001, 100_000, False),
    ],
)
def test_an_expiry_is_late_only_by_the_time_in_which_somebody_owned_its_partition(
    spoiled, from_ms: int | None, until_ms: int | None, late: bool
):
    """The expiry is 60 s late. `from_ms`, `until_ms`: the partition's only ownership, after the due time."""
    span = [] if from_ms is None else [lateness.owned(from_ms, until_ms)]
    url, named = spoiled(lateness.ALONE, lateness.NEVER_OWNED, *span, expiry(late_ms=60_000))
    found = finding(verify(url).findings, LATE)
    assert (found.violations, named in found.first) == (int(late), late)
    unowned_s = {None: "60.0", -1_000: "60.0", 4_999: "55.0", 100_000: "55.0"}
    excuse = f"1 expiry came later, while nobody owned the partition for {unowned_s.get(until_ms)} seconds"
    assert found.note == ("" if late else excuse)


def test_a_dump_that_differs_in_an_element_is_found(finished, tmp_path):
    text = finished.dump.read_text()
    folder = tmp_path / "dumps"
    folder.mkdir()
    copy = folder / finished.dump.name
    lines = text.splitlines(keepends=True)

    def judged(content: str) -> list[Finding]:
        copy.write_text(content)
        return verify(url, copy).findings

    with finished.copied() as url:
        changed = judged(
            "".join([*lines[:100], lines[100].replace("<transactionNum>", "<transactionNum>9"), *lines[101:]])
        )
        shorter = judged("".join(lines[:50] + lines[51:]))
        cut = judged(text[: len(text) // 2])
        invalid = judged(text.replace("<server>", "<sever>", 1).replace("</server>", "</sever>", 1))
    assert finding(changed, VALID).violations == 0
    assert finding(changed, EXACT).violations == 1
    assert finding(changed, EXACT).first.startswith("element 99 is ")
    assert finding(shorter, EXACT).first.startswith("element 49 is ")
    assert finding(cut, VALID).violations == finding(invalid, VALID).violations == 1
    assert "sever" in finding(invalid, VALID).first


def test_a_dump_that_was_cut_together_with_its_marker_is_found(spoiled, tmp_path):
    url, dump_id = spoiled(
        "UPDATE dumps SET state = 'waiting', written_at_ms = NULL RETURNING 1",
        "UPDATE dump_markers SET number = number - 3 WHERE source = 4 RETURNING dump_id",
    )
    with closing(Pool(url, "test", 1)) as pool, dump_store.reader(pool, "tests") as connection:
        (dump,) = dump_store.unwritten(connection)
        assert dump_writing.write(connection, dump, DumpFolder(tmp_path, ROOMY)) is DumpState.WRITTEN
    findings = verify(url, tmp_path / dump.filename).findings
    assert finding(findings, EXACT).violations == 0
    assert finding(findings, forgeries.MARKERS).first.startswith(f"dump {dump_id}, source 4: audit entry ")


def test_a_dump_is_recognised_by_its_name(finished, tmp_path):
    with finished.copied() as url, psycopg.connect(url) as connection:
        assert dump_file.find(connection, finished.dump).user is None
        with pytest.raises(Exception, match="no dump was ever written"):
            dump_file.find(connection, tmp_path / "another")


def test_the_exit_code_says_whether_an_invariant_is_violated(finished, tmp_path):
    kept = tmp_path / "heads"
    with finished.copied() as url:
        printed = command_line("heads", DATABASE_URL=url)
        assert printed.returncode == 0
        kept.write_text(printed.stdout)
        assert len(heads.from_text(printed.stdout)) > 1

        well = command_line("verify", "--heads", kept, "--dump", finished.dump, DATABASE_URL=url)
        assert (well.returncode, "all invariants hold" in well.stdout) == (0, True), well.stderr

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE audit_events SET at_ms = at_ms + 1 WHERE (source, number) = (4, 3)")
        bad = command_line("verify", DATABASE_URL=url)
        assert (bad.returncode, "audit entry 3 of source 4" in bad.stdout) == (1, True), bad.stderr

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("TRUNCATE audit_sources")
        empty = command_line("heads", DATABASE_URL=url)
        assert (empty.returncode, empty.stdout) == (2, "")
        assert "there are no heads to save" in empty.stderr

    nowhere = command_line("verify", DATABASE_URL="")
    assert nowhere.returncode == 2
    assert "DATABASE_URL is not set" in nowhere.stderr


@pytest.mark.parametrize(
    ("content", "printed"),
    [
        (b"", "no line is the head of a source"),
        (b"# heads of another day\n\n", "no line is the head of a source"),
        (b"4 nonsense\n", "line 1 is not the head of a source"),
        (b"\xff\xfe\x00\n", "is not a text file"),
    ],
)
def test_a_file_without_heads_is_refused_in_one_line(tmp_path, content, printed):
    kept = tmp_path / "heads"
    kept.write_bytes(content)
    refused = command_line("verify", "--heads", kept, DATABASE_URL="")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"verify: {kept}")
    assert printed in refused.stderr
    assert refused.stderr.count("\n") == 1
