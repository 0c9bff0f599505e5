"""The migrations make exactly the database that `schema/` describes, and keep the data of an older database."""

import contextlib
from collections.abc import Iterator

import msgspec
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import make_url

from database import engines, migrate
from rabbitmq.publisher import Outgoing
from schema.errors import StoreError

LETTER = {"reason": "why\0not", "stream": "commands.03", "offset": 7}


@contextlib.contextmanager
def alembic(database_url: str) -> Iterator[Config]:
    """Yields Alembic's settings, with a transaction that ends with the block."""
    engine = engines.engine(database_url)
    config = Config()
    config.set_main_option("script_location", str(migrate.MIGRATIONS))
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            yield config
    finally:
        engine.dispose()


def test_a_migrated_database_equals_the_described_tables(database_url):
    with alembic(database_url) as config:
        command.check(config)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_with_an_encoding_other_than_utf8_is_refused(_template, encoding):
    administration, template = _template
    name = f"{template}_odd"
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f"CREATE DATABASE \"{name}\" ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
        url = make_url(administration).set(database=name).render_as_string(hide_password=False)
        with pytest.raises(StoreError, match=f"encoding is {encoding}"):
            migrate.migrate(url)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_read_only_database_is_refused_in_one_line(_template):
    administration, template = _template
    name = f"{template}_standby"
    with psycopg.connect(administration, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        url = make_url(administration).set(database=name).render_as_string(hide_password=False)
        with pytest.raises(StoreError, match=r"^cannot migrate: .* a standby or is set to read-only.*$") as refused:
            migrate.migrate(url)
        assert "\n" not in str(refused.value)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_dumps_from_before_they_had_a_state_get_the_one_they_are_in(database_url):
    with alembic(database_url) as config:
        command.downgrade(config, "0006")
    with psycopg.connect(database_url) as old:
        old.cursor().executemany(
            "INSERT INTO dumps (dump_id, filename, written_at_ms, failure) VALUES (%s, %s, %s, %s)",
            [
                ("replaced", "log", 1, None),
                ("written", "log", 2, None),
                ("overtaken", "log", 3, "a later dump of this name is written"),
                ("failed", "log/x", 4, "NotADirectoryError: log/x"),
                ("waiting", "log", None, None),
            ],
        )
    with alembic(database_url) as config:
        command.upgrade(config, "head")
    with psycopg.connect(database_url) as new:
        found = new.execute("SELECT dump_id, state, written_at_ms, failure FROM dumps ORDER BY dump_number").fetchall()
    assert found == [
        ("replaced", "replaced", 1, None),
        ("written", "written", 2, None),
        ("overtaken", "replaced", None, None),
        ("failed", "failed", None, "NotADirectoryError: log/x"),
        ("waiting", "waiting", None, None),
    ]


def test_the_log_remembers_the_dead_letters_of_an_earlier_version(database_url):
    with alembic(database_url) as config:
        command.downgrade(config, "0012")
    with psycopg.connect(database_url, autocommit=True) as connection:
        for stream, offset in (("audit", 5), ("audit", 9), ("commands.03", 7)):
            connection.execute("INSERT INTO dead_letters VALUES (%s, %s, DEFAULT, '', 0, '', 0)", (stream, offset))
        with alembic(database_url) as config:
            command.upgrade(config, "head")
        found = connection.execute("SELECT stream_offset FROM audit_dead_offsets ORDER BY 1").fetchall()
    assert found == [(5,), (9,)]


def test_old_requests_to_the_quote_server_are_paid_for_unless_their_failure_said_otherwise(database_url):
    stored = "SELECT quote_id, paid, failure FROM quote_fetches ORDER BY quote_id"
    with alembic(database_url) as config:
        command.downgrade(config, "0013")
    with psycopg.connect(database_url, autocommit=True) as connection:
        insert = """
            INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms, failure)
            VALUES ('ABC', 'ann', 1, false, 1, %s)"""
        connection.cursor().executemany(insert, [(None,), ("abandoned",), ("not sent: refused",)])
        with alembic(database_url) as config:
            command.upgrade(config, "head")
        assert connection.execute(stored).fetchall() == [
            (1, True, None),
            (2, True, "abandoned"),
            (3, False, "not sent: refused"),
        ]
        connection.execute("UPDATE quote_fetches SET failure = 'refused' WHERE quote_id = 3")
        with alembic(database_url) as config:
            command.downgrade(config, "0013")
            command.upgrade(config, "0014")
        assert connection.execute(stored).fetchall()[2] == (3, False, "not sent: refused")


def test_dead_letters_that_wait_in_the_outbox_of_an_earlier_version_are_kept(database_url):
    with alembic(database_url) as config:
        command.downgrade(config, "0009")
    entry = Outgoing("audit", "", b"an entry")
    letters = [Outgoing("", "dead-letters", body, headers=LETTER) for body in (b"x" * 100_000, b"repeated")]
    with psycopg.connect(database_url, autocommit=True) as connection:
        for partition, messages in ((3, [*letters, entry]), (4, [entry])):
            packed = msgspec.msgpack.encode(messages)
            connection.execute("INSERT INTO outbox VALUES ('transactions', %s, %s)", (partition, packed))
        with alembic(database_url) as config:
            command.upgrade(config, "head")
        kept = connection.execute("SELECT stream, stream_offset, reason, size_bytes, length(body) FROM dead_letters")
        assert kept.fetchall() == [("commands.03", 7, "why\\x00not", 100_000, 65_536)]
        left = connection.execute("SELECT messages FROM outbox ORDER BY partition").fetchall()
    assert [msgspec.msgpack.decode(packed, type=list[Outgoing]) for (packed,) in left] == [[entry], [entry]]


def test_the_progress_of_an_earlier_version_keeps_its_numbers_under_its_new_names(database_url):
    with alembic(database_url) as config:
        command.downgrade(config, "0014")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE partitions SET position = 7, high = 9 WHERE consumer_group = 'transactions' AND partition = 3"
        )
        with alembic(database_url) as config:
            command.upgrade(config, "head")
        moved = "SELECT partition, next_offset, high_offset FROM partitions WHERE next_offset > 0"
        assert connection.execute(moved).fetchall() == [(3, 7, 9)]
        with pytest.raises(psycopg.errors.CheckViolation, match="partitions_next_offset_bounded"):
            connection.execute("UPDATE partitions SET next_offset = 11 WHERE next_offset = 7")


def test_tokens_of_an_earlier_version_keep_working_and_what_has_ended_stays_so(database_url):
    with alembic(database_url) as config:
        command.downgrade(config, "0015")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO people VALUES ('ann', 'hash', 'user', 1, 3)")
        insert = "INSERT INTO api_tokens (token_digest, user_id, name, created_at_ms) VALUES (%s, %s, '', 1)"
        connection.cursor().executemany(insert, [(b"ann's", "ann"), (b"left over", "gone"), (b"reads", "ann")])
        with alembic(database_url) as config:
            command.upgrade(config, "head")
        found = connection.execute(
            "SELECT scope::text, session_epoch, expires_at_ms > extract(epoch FROM now()) * 1000 FROM api_tokens"
        ).fetchall()
        assert found == [("trade", 3, True), ("trade", 0, True), ("trade", 3, True)]
        connection.execute("UPDATE api_tokens SET scope = 'read' WHERE token_digest = %s", (b"reads",))
        with alembic(database_url) as config:
            command.downgrade(config, "0015")
        valid = connection.execute("SELECT token_digest FROM api_tokens WHERE revoked_at_ms IS NULL").fetchall()
    assert valid == [(b"ann's",)]
