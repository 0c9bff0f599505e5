"""Checks and figures of a run find what is wrong, each in rows that hold exactly that."""

import psycopg
import pytest

from database.retrying import RetryingDatabase
from loadtest import dump_figures, figures, quote_figures
from loadtest.checks import Checks, check
from loadtest.run import Baseline, Run
from schema.commands import command_id
from tests import forging

SOURCE = 7
HISTORY = """
    INSERT INTO history (user_id, seq, kind, command_id, transaction_number, command, symbol, outcome, reason,
        cash_delta_cents, reserved_delta_cents, shares_delta, reserved_shares_delta, quote_id, published_at_ms, at_ms)
    VALUES (%(user)s, %(seq)s, %(kind)s, %(id)s, %(number)s, %(command)s, %(symbol)s, %(outcome)s, %(reason)s,
        %(cash)s, %(reserved)s, %(shares)s, %(reserved_shares)s, %(quote_id)s, 1000, %(at_ms)s)"""
AUDIT = """
    INSERT INTO audit_events (source, number, kind, at_ms, transaction_number, command, user_id, funds_cents)
    VALUES (0, %s, %s, 0, %s, %s, %s, %s)"""


class Books:
    """Writes what a run leaves; the accounts add up unless a test says otherwise."""

    def __init__(self, connection: psycopg.Connection):
        self.execute = connection.execute
        self._entries = 0

    def account(self, user: str, cash: int, reserved: int = 0, history_seq: int = 1) -> None:
        values = (user, cash, reserved, history_seq)
        self.execute("INSERT INTO accounts VALUES (%s, true, %s, %s, %s)", values)

    def position(self, user: str, shares: int, reserved: int = 0) -> None:
        self.execute("INSERT INTO positions VALUES (%s, 'S', %s, %s)", (user, shares, reserved))

    def command(self, user: str, seq: int, line: int, logged: int = 1, **changed) -> None:
        """Writes a done command of the run, `logged` userCommands of it, and its accountTransaction."""
        nothing = dict.fromkeys(("cash", "reserved", "shares", "reserved_shares"), 0)
        plain = {"kind": "command", "command": "ADD", "symbol": None, "outcome": "done", "reason": None}
        values = plain | nothing | {"quote_id": None, "at_ms": 1000, "number": line} | changed
        self.execute(HISTORY, values | {"user": user, "seq": seq, "id": command_id(SOURCE, line)})
        for _ in range(logged):
            self._log("userCommand", values["number"], values["command"], user or None, None)
        if values["cash"]:
            self._log("accountTransaction", values["number"], None, user, values["cash"])

    def dump(self, line: int, **columns: object) -> None:
        """Writes the state of the dump that a line requested."""
        values = {"dump_id": command_id(SOURCE, line).hex(), "filename": "log"} | columns
        names = ", ".join(values)
        self.execute(f"INSERT INTO dumps ({names}) VALUES ({', '.join(['%s'] * len(values))})", tuple(values.values()))

    def _log(self, *values: object) -> None:
        self._entries += 1
        self.execute(AUDIT, (self._entries, *values))


@pytest.fixture
def books(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        forging.allow(connection)
        yield Books(connection)


@pytest.fixture
def database(database_url):
    database = RetryingDatabase(database_url)
    yield database
    database.close()


def _run(published: int) -> Run:
    return Run(SOURCE, "test.txt", Baseline(0, 0, {}, {}), published=published)


def _numbers(checks: Checks) -> tuple[int, int, int, int]:
    return (checks.lost, checks.duplicated, checks.out_of_order, checks.unbalanced_users)


def _good(books: Books) -> None:
    """Writes four commands of three users, one of them without a user; nothing is wrong."""
    books.account("u", cash=60, reserved=40, history_seq=2)
    books.position("u", shares=3, reserved=1)
    books.execute("INSERT INTO pending_orders VALUES ('u', 2, 'buy', 'S', 2, 20, 0, 2)")
    books.execute("INSERT INTO pending_orders VALUES ('u', 1, 'sell', 'S', 1, 20, 0, 2)")
    books.command("u", 1, line=1, cash=100)
    books.command("u", 2, line=3, cash=-40, reserved=40, shares=3, reserved_shares=1, symbol="S", command="BUY")
    books.account("v", cash=0, history_seq=1)
    books.command("v", 1, line=2, outcome="rejected", reason="no_account")
    books.account("", cash=0, history_seq=1)
    books.command("", 1, line=4, command="DUMPLOG")
    books.dump(line=4, state="written", written_at_ms=1)


def test_a_good_run_has_nothing_wrong(books, database):
    _good(books)
    checks = check(database, _run(4))
    assert checks.passed
    assert checks.findings == []


def test_an_empty_database_of_an_empty_run_has_nothing_wrong(database):
    assert check(database, _run(0)).passed


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"state": "failed", "failure": "the disk is broken"}, "was not written: the disk is broken"),
        ({"state": "waiting", "failure": "the disk is full"}, "is not written yet: the disk is full"),
        ({"state": "waiting"}, "is not written yet: no attempt to write it has ended"),
    ],
)
def test_a_dump_without_a_file_is_named_with_the_reason(books, database, columns, text):
    _good(books)
    books.account("w", cash=0)
    books.command("w", 1, line=5, number=17, command="DUMPLOG")
    books.dump(5, user_id="w", filename="a/log", **columns)
    checks = check(database, _run(5))
    assert (_numbers(checks), checks.unwritten_dumps) == ((0, 0, 0, 0), 1)
    assert checks.findings == [f"dump a/log of w (transaction 17) {text}"]
    assert not checks.passed


def test_a_dump_that_the_log_does_not_know_is_not_written(books, database):
    _good(books)
    books.execute("DELETE FROM dumps")
    checks = check(database, _run(4))
    assert checks.unwritten_dumps == 1
    assert checks.findings == ["the dump that transaction 4 asked for is not in the log"]


def test_a_dump_that_a_later_one_of_its_name_replaced_is_no_failure(books, database):
    _good(books)
    books.execute("UPDATE dumps SET state = 'replaced'")
    run = _run(4)
    assert check(database, run).passed
    assert dump_figures.counts(database, run) == {"waiting": 0, "written": 0, "replaced": 1, "failed": 0}


def test_a_published_command_without_a_row_is_lost(books, database):
    _good(books)
    assert _numbers(check(database, _run(6))) == (2, 0, 0, 0)


def test_a_gap_in_a_users_history_is_a_loss(books, database):
    books.account("u", cash=0, history_seq=3)
    books.command("u", 1, line=1)
    books.command("u", 3, line=2)
    assert _numbers(check(database, _run(2))) == (1, 0, 0, 0)


def test_an_account_ahead_of_its_history_is_a_loss(books, database):
    books.account("u", cash=0, history_seq=2)
    books.command("u", 1, line=1)
    assert _numbers(check(database, _run(1))) == (1, 0, 0, 0)


def test_a_command_without_user_command_is_lost_to_the_log(books, database):
    books.account("u", cash=0)
    books.command("u", 1, line=1, logged=0)
    assert _numbers(check(database, _run(1))) == (1, 0, 0, 0)


def test_a_second_user_command_is_a_duplicate(books, database):
    books.account("u", cash=0)
    books.command("u", 1, line=1, logged=2)
    assert _numbers(check(database, _run(1))) == (0, 1, 0, 0)


def test_lines_may_repeat_a_transaction_number(books, database):
    books.account("u", cash=0, history_seq=2)
    books.command("u", 1, line=1, number=5)
    books.command("u", 2, line=2, number=5)
    assert check(database, _run(2)).passed


def test_a_command_in_two_histories_is_a_duplicate(books, database):
    for user in "uv":
        books.account(user, cash=0)
        books.command(user, 1, line=1)
    assert _numbers(check(database, _run(1))) == (0, 1, 0, 0)


def test_a_later_line_first_is_out_of_order(books, database):
    books.account("u", cash=0, history_seq=3)
    for seq, line in ((1, 2), (2, 1), (3, 3)):
        books.command("u", seq, line)
    assert _numbers(check(database, _run(3))) == (0, 0, 1, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        "UPDATE accounts SET cash_cents = cash_cents + 1 WHERE user_id = 'u'",
        "UPDATE accounts SET reserved_cents = reserved_cents + 1 WHERE user_id = 'u'",
        "UPDATE positions SET shares = shares + 1",
        "UPDATE positions SET reserved_shares = reserved_shares + 1",
        "DELETE FROM positions",
        "UPDATE pending_orders SET price_cents = price_cents + 1 WHERE side = 'buy'",
        "UPDATE pending_orders SET shares = shares + 1 WHERE side = 'sell'",
        "INSERT INTO trigger_orders VALUES ('u', 'S', 'buy', 1, null, 1, 0, 1, 1)",
        "INSERT INTO trigger_orders VALUES ('u', 'S', 'sell', 9, 5, 0, 1, 1, 1)",
        "UPDATE audit_events SET funds_cents = funds_cents - 1 WHERE number = 2",
        "DELETE FROM audit_events WHERE kind = 'accountTransaction' AND number = 2",
    ],
)
def test_a_user_whose_books_do_not_add_up_is_named(books, database, wrong):
    _good(books)
    books.execute(wrong)
    checks = check(database, _run(4), look_pause_seconds=0)
    assert _numbers(checks) == (0, 0, 0, 1)
    assert checks.findings[0].startswith("u: ")


def test_figures_count_commands_and_their_outcomes(books, database):
    _good(books)
    run = _run(4)
    run.unreadable = 3
    assert figures.outcomes(database, run) == {"done": 3, "rejected": 1, "unreadable": 3}
    assert figures.rejections(database, run) == {"no_account": 1}


def test_latency_runs_from_the_publish_to_the_commit(books, database):
    _good(books)
    latency = figures.latency_ms(database, _run(4))
    assert list(latency) == ["p50", "p95", "p99", "max"]
    assert 1_500_000_000_000 < latency["p50"] <= latency["p95"] <= latency["max"]


def test_percentiles_are_those_of_the_rows_not_of_the_messages(database):
    """Nine commands are quick and one is slow; the percentiles are those that the database itself defines."""
    values = "(VALUES (5, 9), (70, 1)) AS latencies(ms, n)"
    query = f"WITH latencies AS (SELECT * FROM {values}) {figures._PERCENTILES}"
    assert tuple(database.row(query)) == (5, 70, 70, 70)


def test_quotes_are_counted_as_needed_paid_and_least(books, database):
    books.account("u", cash=0, history_seq=3)
    for seq, at_ms, since_ms in ((1, 3_000, 1_090), (2, 3_000, 1_500), (3, 50_000, None)):
        books.command("u", seq, seq, quote_id=2, symbol="S", at_ms=at_ms, command="QUOTE")
        books.execute("UPDATE history SET waited_since_ms = %s WHERE seq = %s", (since_ms, seq))
    _fetch(books, False, 1_000, "not sent, answered the server")
    _fetch(books, False, 1_100, None)
    _fetch(books, False, 1_050, "refused", paid=False)
    _fetch(books, True, 61_100, None)
    _fetch(books, True, 61_100, "refused", paid=False)
    _fetch(books, True, 121_100, None)
    assert quote_figures.of_run(database, _run(3), until_ms=100_000, cost_cents=5) == {
        "lookups": 4,
        "hits": 1,
        "joined": 1,
        "fetches": 3,
        "abandoned": 1,
        "failed": 0,
        "cost_cents": 15,
        "floor": 2,
        "cost_ratio": 1.5,
        "floor_by_decision": 1,
    }
    live = quote_figures.since(database, 2_000, cost_cents=5)
    assert (live["lookups"], live["fetches"], live["cost_ratio"]) == (5, 2, 0.6667)
    assert quote_figures.sentence(live).startswith("5 lookups, 1 hits, 1 joined; 2 paid (0.10 $), 0.6667 × the least;")


def test_a_price_was_needed_when_its_commands_turn_came(books, database):
    """The first command was decided 4 s after its turn came. The next turn, over 60 s later, needs a new price."""
    books.account("u", cash=0, history_seq=2)
    for seq, at_ms, since_ms in ((1, 5_000, 1_000), (2, 64_500, 61_200)):
        books.command("u", seq, seq, quote_id=seq, symbol="S", at_ms=at_ms, command="QUOTE")
        books.execute("UPDATE history SET waited_since_ms = %s WHERE seq = %s", (since_ms, seq))
        _fetch(books, False, since_ms + 2, None, number=seq)
    quotes = quote_figures.of_run(database, _run(2), until_ms=100_000, cost_cents=5)
    assert (quotes["fetches"], quotes["floor"], quotes["floor_by_decision"]) == (2, 2, 1)


def test_a_quote_requested_early_is_needed_when_its_commands_turn_comes(books, database):
    """Look-ahead does not improve its own measure: here it made a second request necessary."""
    books.account("u", cash=0, history_seq=2)
    for seq, at_ms in ((1, 5_000), (2, 61_500)):
        books.command("u", seq, seq, quote_id=seq, symbol="S", at_ms=at_ms, command="QUOTE")
    _fetch(books, False, 1_000, None, number=1)
    _fetch(books, False, 61_400, None, number=2)
    quotes = quote_figures.of_run(database, _run(2), until_ms=100_000, cost_cents=5)
    assert (quotes["fetches"], quotes["floor"]) == (2, 1)


def _fetch(
    books: Books, for_trigger: bool, asked_at_ms: int, failure: str | None, number: int = 1, paid: bool = True
) -> None:
    books.execute(
        "INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms, failure, paid)"
        " VALUES ('S', 'u', %s, %s, %s, %s, %s)",
        (number, for_trigger, asked_at_ms, failure, paid),
    )
