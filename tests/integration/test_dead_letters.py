"""Dead letters: listing and showing change nothing; people publish letters again or discard them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psycopg
import pytest

from database import postgres
from rabbitmq import lengths
from rabbitmq.connection import Connection, open_connection
from rabbitmq.dead_letters import earlier_queue, store
from rabbitmq.dead_letters.returning import publish_again
from rabbitmq.dead_letters.store import Choice, StoredLetter
from rabbitmq.lengths import newest_offsets, queue_length
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_reader import read
from rabbitmq.topology import COMMANDS_EXCHANGE
from schema.dead_letters import REASON_CHARACTERS_MAX, STORED_BYTES_MAX, dead_letter

STREAM = "commands.03"
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class DeadLetterSetup:
    """Servers of a test, and actions on them."""

    broker: Connection
    database: psycopg.Connection
    environment: dict[str, str]

    def keep(self, *bodies: bytes, stream: str = STREAM, first: int = 0) -> None:
        """Stores letters with these bodies at offsets `first`, `first` + 1, …"""
        letters = [dead_letter(stream, n, body, f"reason {n}") for n, body in enumerate(bodies, first)]
        with self.database.transaction(), self.database.cursor() as cursor:
            store.keep(cursor, letters)

    def publish(self, *bodies: bytes) -> None:
        publisher = Publisher(self.broker)
        for body in bodies:
            publisher.publish(Outgoing(COMMANDS_EXCHANGE, STREAM, body))
        publisher.flush()

    def letters(self) -> list[StoredLetter]:
        return store.page(self.database, Choice(), 1_000, STORED_BYTES_MAX)

    def bodies(self) -> list[bytes]:
        return [one.letter.body for one in self.letters()]

    def in_stream(self) -> list[tuple[bytes, bool]]:
        until = newest_offsets(self.broker, [STREAM])[STREAM]
        return [(delivery.body, delivery.possibly_duplicate) for delivery in read(self.broker, STREAM, until)]

    def cli(self, *arguments: str, answer: str = "", **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "operators", "dead-letters", *arguments],
            cwd=ROOT,
            env=self.environment | environment,
            input=answer,
            capture_output=True,
            text=True,
        )


@pytest.fixture
def setup(amqp_url: str, database_url: str) -> Iterator[DeadLetterSetup]:
    environment = {"AMQP_URL": amqp_url, "DATABASE_URL": database_url}
    with closing(open_connection(amqp_url, "test")) as broker, postgres.connect(database_url, "test") as connection:
        with connection.transaction():
            connection.execute("UPDATE partitions SET epoch = 1")  # workers have run here
        yield DeadLetterSetup(broker, connection, environment)


def numbered(count: int) -> list[bytes]:
    return [str(n).encode() for n in range(count)]


def test_list_shows_many_large_letters_each_time_and_leaves_them(setup: DeadLetterSetup) -> None:
    """All letters together are too large for memory, so listing must not depend on their total size."""
    setup.keep(*(b"\xc1" * STORED_BYTES_MAX for _ in range(300)))
    for _ in range(2):
        done = setup.cli("list", "--limit", "1")
        assert done.returncode == 0, done.stderr
        assert "commands.03/0" in done.stdout
        assert "1 of 300 letters" in done.stdout
    assert len(setup.letters()) == 300


def test_list_goes_on_behind_the_letters_that_were_shown(setup: DeadLetterSetup) -> None:
    assert setup.cli("list").stdout == "There are no dead letters.\n"
    setup.keep(*numbered(5))
    first = setup.cli("list", "--limit", "2")
    assert "commands.03/1" in first.stdout and "commands.03/2" not in first.stdout
    number = setup.letters()[1].number
    assert f"2 of 5 letters, the oldest: `--after {number}` shows the next ones" in first.stdout
    rest = setup.cli("list", "--after", str(number))
    assert [f"commands.03/{n}" in rest.stdout for n in range(5)] == [False, False, True, True, True]
    assert "of 5 letters" not in rest.stdout


def test_a_letter_is_kept_once_with_its_place_its_reason_and_its_beginning(setup: DeadLetterSetup) -> None:
    large = os.urandom(STORED_BYTES_MAX + 1)
    setup.keep(b"small", large)
    setup.keep(b"another", first=1)
    small, other = setup.letters()
    assert (small.letter.id, small.letter.reason, small.letter.body) == ("commands.03/0", "reason 0", b"small")
    assert small.letter.is_whole and not other.letter.is_whole
    assert (other.letter.size_bytes, other.letter.body) == (STORED_BYTES_MAX + 1, large[:-1])


@pytest.mark.parametrize("reason", ["\0", "\x1b[2J", "\ud800", "é" * 10_000, "\0" * REASON_CHARACTERS_MAX])
def test_any_reason_can_be_kept(setup: DeadLetterSetup, reason: str) -> None:
    with setup.database.transaction(), setup.database.cursor() as cursor:
        store.keep(cursor, [dead_letter(STREAM, 0, b"", reason)])
    assert setup.letters()[0].letter.reason.isprintable()


def test_show_gives_letters_readable_and_harmless_and_leaves_them(setup: DeadLetterSetup) -> None:
    setup.keep(msgspec.msgpack.encode({"user": "alice", "lines": [1]}), b"\x1b[2J plain", b"\xc1\xff")
    done = setup.cli("show", *(f"--id={STREAM}/{n}" for n in range(3)))
    assert done.returncode == 0, done.stderr
    assert f"{STREAM}/0: reason 0" in done.stdout
    assert '"user": "alice"' in done.stdout
    assert "\\x1b[2J plain" in done.stdout
    assert "\\xc1\\xff" in done.stdout
    assert "\x1b" not in done.stdout
    assert len(setup.letters()) == 3


def test_show_gets_the_rest_of_a_large_letter_from_its_stream(setup: DeadLetterSetup) -> None:
    body = b"a" * STORED_BYTES_MAX + b"the end"
    setup.publish(b"before", body)
    setup.keep(body, first=1)
    part = setup.cli("show", f"--id={STREAM}/1", AMQP_URL="")
    assert part.returncode == 0, part.stderr
    assert "65,543 bytes, of which these are the first 65,536: `--whole` shows all of them" in part.stdout
    assert "the end" not in part.stdout
    assert setup.cli("show", f"--id={STREAM}/1", "--whole").stdout.endswith("athe end\n")


def test_requeued_letters_are_in_their_stream_marked_and_whole(setup: DeadLetterSetup) -> None:
    large = os.urandom(2 * STORED_BYTES_MAX)
    setup.publish(large)
    setup.keep(large, b"small", b"other")
    done = setup.cli("requeue", f"--id={STREAM}/0", f"--id={STREAM}/1", "--yes")
    assert (done.returncode, done.stdout) == (0, "2 requeued\n"), done.stderr
    assert sorted(setup.in_stream()[1:]) == sorted([(large, True), (b"small", True)])
    assert setup.bodies() == [b"other"]


def test_requeue_handles_more_letters_than_fit_in_its_memory(setup: DeadLetterSetup) -> None:
    setup.keep(*numbered(230))
    done = setup.cli("requeue", "--all", "--limit", "220", "--yes")
    assert (done.returncode, done.stdout) == (0, "220 requeued\n"), done.stderr
    assert setup.in_stream() == [(body, True) for body in numbered(220)]
    assert setup.bodies() == numbered(230)[220:]


def test_letters_that_cannot_be_requeued_stay_and_are_named(setup: DeadLetterSetup) -> None:
    setup.publish(b"not what it was")
    setup.keep(b"x", stream="elsewhere")
    setup.keep(os.urandom(STORED_BYTES_MAX + 1), b"fine")
    done = setup.cli("requeue", "--all", "--yes")
    assert (done.returncode, done.stdout) == (1, "1 requeued\n")
    assert "elsewhere/0 did not come from a stream of this project: it can only be discarded" in done.stderr
    assert "commands.03/0 can only be discarded: its stream holds another message" in done.stderr
    assert [one.letter.id for one in setup.letters()] == ["elsewhere/0", "commands.03/0"]


def test_letters_that_their_streams_do_not_return_keep_no_other_from_being_requeued(
    setup: DeadLetterSetup, monkeypatch
) -> None:
    """The streams may have lost their ends, or be those of a broker that was made anew."""
    monkeypatch.setattr(lengths, "PATIENCE_SECONDS", 0.5)
    setup.publish(b"the only message")
    large = os.urandom(STORED_BYTES_MAX + 1)
    setup.keep(large, b"fine", first=999)
    setup.keep(large, large, stream="commands.04")
    returned = publish_again(setup.broker, setup.database, setup.letters())
    assert (returned.count, setup.in_stream()[1:]) == (1, [(b"fine", True)])
    beyond, *emptied = returned.failures
    assert beyond.startswith(f"{STREAM}/999 can no longer be read whole, so it can only be discarded: {STREAM} ends at")
    assert [reason.partition(":")[0] for reason in emptied] == [
        f"commands.04/{n} cannot be read whole now" for n in range(2)
    ]


def test_a_letter_is_not_lost_when_the_broker_does_not_take_it(setup: DeadLetterSetup) -> None:
    setup.keep(b"x")
    channel = setup.broker.channel()
    channel.queue_delete(STREAM)
    channel.close()
    done = setup.cli("requeue", "--all", "--yes")
    assert (done.returncode, done.stdout) == (1, "0 requeued\n")
    assert "no queue is bound" in done.stderr
    assert setup.bodies() == [b"x"]


def test_discard_asks_first(setup: DeadLetterSetup) -> None:
    setup.keep(*numbered(3))
    assert setup.cli("discard", "--all", answer="n\n").returncode == 1
    assert len(setup.letters()) == 3
    done = setup.cli("discard", "--all", "--limit", "2", answer="y\n")
    assert done.returncode == 0, done.stderr
    assert "Discard 2 letters?" in done.stdout
    assert done.stdout.endswith("2 discarded\n")
    assert setup.bodies() == [b"2"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("discard", "--yes"), 2, "--all"),
        (("discard", "--all", "--id", "commands.03/0", "--yes"), 2, "--all"),
        (("show",), 2, "--id"),
        (("requeue", "--id", "commands.03/7", "--yes"), 1, "there is no dead letter commands.03/7"),
        (("show", "--id", "7"), 1, "there is no dead letter 7"),
        (("requeue", "--all", "--yes"), 1, "there are no dead letters"),
    ],
)
def test_wrong_arguments_are_reported(setup: DeadLetterSetup, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = setup.cli(*arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreachable_server_is_reported_and_not_taken_for_no_letters(setup: DeadLetterSetup) -> None:
    done = setup.cli("list", DATABASE_URL="")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("dead-letters list: DATABASE_URL is not set")
    done = setup.cli("list", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("dead-letters list: cannot reach Postgres")


# Letters of earlier versions, which kept them in a queue


@pytest.fixture
def earlier(setup: DeadLetterSetup) -> Iterator[Publisher]:
    """Creates the queue of earlier versions; yields a publisher to it."""
    channel = setup.broker.channel()
    channel.queue_declare(earlier_queue.QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    yield Publisher(setup.broker)
    if channel.is_open:
        channel.queue_delete(earlier_queue.QUEUE)


def put_dead_letter(publisher: Publisher, offset: int, body: bytes, stream: str | None = STREAM) -> None:
    headers = {"reason": f"reason {offset}"} | ({"stream": stream, "offset": offset} if stream else {})
    publisher.publish(Outgoing("", earlier_queue.QUEUE, body, headers=headers))


def test_declaring_the_topology_moves_letters_out_of_the_queue_of_an_earlier_version(
    setup: DeadLetterSetup, earlier: Publisher
) -> None:
    for n, body in enumerate(numbered(20)):
        put_dead_letter(earlier, n, body)
    put_dead_letter(earlier, 3, b"3")  # repeated after a crash, which a queue could not recognise
    for _ in range(2):
        put_dead_letter(earlier, 0, b"from nowhere", stream=None)
    earlier.flush()
    declared = [sys.executable, "-W", "error", "-m", "operators", "declare"]
    environment = {"AMQP_URL": setup.environment["AMQP_URL"]}
    refused = subprocess.run(declared, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (refused.returncode, "DATABASE_URL is not set" in refused.stderr) == (2, True)
    for expected in ("23 dead letters of an earlier version were moved", ""):
        done = subprocess.run(declared, cwd=ROOT, env=setup.environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(expected) and bool(done.stdout) == bool(expected)
    assert setup.bodies() == [*numbered(20), b"from nowhere", b"from nowhere"]
    assert setup.letters()[7].letter == dead_letter(STREAM, 7, b"7", "reason 7")
    assert queue_length(setup.broker, earlier_queue.QUEUE) is None
