"""A database on which nothing has run passes no check, and every report about a run says that nothing has run."""

import sys

import psycopg
import pytest
from sqlalchemy.engine import make_url

from consumers.transactions.replay import screen
from operators import __main__ as operators

DEAD_LETTER_VERBS = ["list", "show --id audit/1", "requeue --all", "discard --all"]


@pytest.fixture
def run(monkeypatch, capsys, database_url):
    """`run(verb, *arguments)` returns the verb's exit code and all its output."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    # If the verb set logging up, the whole process would go on logging into this test's captured output.
    monkeypatch.setattr(screen, "set_up_logging", lambda *_: None)

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["it", *map(str, arguments)])
        try:
            code = operators.main()
        except SystemExit as left:
            code = left.code
        output = capsys.readouterr()
        return int(code), output.out + output.err

    return call


def test_verification_fails_if_nothing_has_run(run):
    code, output = run("verify")
    assert (code, "nothing is proven" in output, "all invariants hold" in output) == (1, True, False)


def test_replay_fails_if_nothing_has_run(run, amqp_url):
    code, output = run("replay")
    assert (code, "nothing to replay" in output, "equal" in output) == (2, True, False)


def test_replay_of_a_database_without_tables_makes_no_database(run, monkeypatch, amqp_url, database_url):
    monkeypatch.setenv("AMQP_URL", amqp_url)
    empty = make_url(database_url).set(database="postgres").render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", empty)
    code, said = run("replay")
    assert (code, "`./daytradectl migrate` makes them" in said, said.count("\n")) == (2, True, 1), said
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT FROM pg_database WHERE datname = 'postgres_replay'").fetchone() is None


@pytest.mark.parametrize("what", ["state", "history"])
def test_exports_fail_if_nothing_has_run_and_keep_an_earlier_file(run, tmp_path, what):
    file = tmp_path / "export"
    file.write_text("of an earlier run")
    code, output = run(what, file)
    assert (code, "nothing has run" in output, output.count("\n")) == (1, True, 1)
    assert file.read_text() == "of an earlier run"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "verb", [*(f"dead-letters {what}" for what in DEAD_LETTER_VERBS), "what-if u --prices {}", "price-history ABC"]
)
def test_a_verb_that_finds_nothing_says_that_nothing_has_run(run, monkeypatch, amqp_url, tmp_path, verb):
    monkeypatch.setenv("AMQP_URL", amqp_url)
    file = tmp_path / "prices.csv"
    file.write_text("2025-11-22T10:00:00Z,ABC,3.10\n")
    code, output = run(*verb.format(file).split())
    assert (code, "nothing has run" in output, output.count("\n")) == (1, True, 1), output


@pytest.mark.parametrize(
    "verb",
    ["alarms", "quotes-today", "account-at u 1", "dead-letters list", "price-history ABC", "heads", "admin somebody"],
)
def test_a_database_that_is_not_migrated_is_named_in_one_line_with_the_remedy(run, monkeypatch, database_url, verb):
    empty = make_url(database_url).set(database="postgres").render_as_string(hide_password=False)
    monkeypatch.setenv("DATABASE_URL", empty)
    monkeypatch.setenv("AMQP_URL", "amqp://not-used")
    code, output = run(*verb.split())
    assert (code > 0, "`./daytradectl migrate` makes them" in output, output.count("\n")) == (True, True, 1), output
