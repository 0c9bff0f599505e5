"""Dead letters can be looked at without losing or reordering any, and be published again or discarded."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from rabbitmq.connection import Connection, open_connection
from rabbitmq.dead_letter_box import Box
from rabbitmq.lengths import newest_offsets
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_reader import read
from rabbitmq.topology import DEAD_LETTERS_QUEUE

STREAM = "commands.03"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def connection(amqp_url: str) -> Iterator[Connection]:
    opened = open_connection(amqp_url, "test")
    yield opened
    opened.close()


def bury(connection: Connection, count: int, stream: str = STREAM) -> None:
    """Letters `0`, `1`, … of offsets 0, 1, …"""
    publisher = Publisher(connection)
    for n in range(count):
        headers = {"reason": f"reason {n}", "stream": stream, "offset": n}
        publisher.publish(Outgoing("", DEAD_LETTERS_QUEUE, str(n).encode(), headers=headers))
    publisher.flush()


def look(connection: Connection, **options) -> list[int]:
    box = Box(connection, **options)
    box.close()
    return [int(letter.body) for letter in box.letters]


def cli(amqp_url: str, *arguments: str, answer: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "rabbitmq.dead_letters", *arguments],
        cwd=ROOT,
        env={"AMQP_URL": amqp_url},
        input=answer,
        capture_output=True,
        text=True,
    )


def in_stream(connection: Connection, stream: str = STREAM) -> list[tuple[bytes, bool]]:
    until = newest_offsets(connection, [stream])[stream]
    return [(delivery.body, delivery.possibly_duplicate) for delivery in read(connection, stream, until)]


@pytest.mark.parametrize("count", [3, 40, 300])
def test_looking_neither_loses_nor_reorders(connection: Connection, count: int) -> None:
    bury(connection, count)
    for _ in range(4):
        assert look(connection) == list(range(count))
    bury(connection, 2)
    for _ in range(2):
        assert look(connection) == [*range(count), 0, 1]


def test_dealing_with_some_again_and_again_keeps_the_order(connection: Connection) -> None:
    bury(connection, 100)
    left = list(range(100))
    for _ in range(4):
        box = Box(connection)
        box.discard(box.letters[1::5])
        box.close()
        del left[1::5]
        assert look(connection) == left


def test_a_letter_says_where_it_stood_and_why(connection: Connection) -> None:
    bury(connection, 2)
    box = Box(connection)
    box.close()
    letter = box.letters[1]
    assert (letter.id, letter.stream, letter.offset, letter.reason) == ("commands.03/1", STREAM, 1, "reason 1")
    assert letter.body == b"1"


def test_requeued_letters_are_in_their_stream_marked_and_the_rest_keeps_its_order(connection: Connection) -> None:
    bury(connection, 100)
    box = Box(connection)
    assert box.requeue(box.letters[10:20]) == 10
    box.close()
    assert in_stream(connection) == [(str(n).encode(), True) for n in range(10, 20)]
    assert look(connection) == [*range(10), *range(20, 100)]


def test_discarded_letters_are_gone_and_the_rest_keeps_its_order(connection: Connection) -> None:
    bury(connection, 100)
    box = Box(connection)
    assert box.discard(box.letters[::3]) == 34
    box.close()
    assert look(connection) == [n for n in range(100) if n % 3]


def test_letters_that_were_looked_at_too_often_are_copied_before_the_broker_would_drop_them(
    connection: Connection,
) -> None:
    bury(connection, 5)
    for _ in range(6):
        assert look(connection, returns_max=2) == list(range(5))
    box = Box(connection)
    box.close()
    assert max(letter.returns for letter in box.letters) <= 2
    assert [letter.reason for letter in box.letters] == [f"reason {n}" for n in range(5)]


def test_list_shows_the_letters_and_leaves_them(connection: Connection, amqp_url: str) -> None:
    assert cli(amqp_url, "list").stdout == "There are no dead letters.\n"
    bury(connection, 3)
    done = cli(amqp_url, "list", "--limit", "2")
    assert done.returncode == 0, done.stderr
    assert "commands.03/0" in done.stdout
    assert "reason 1" in done.stdout
    assert "commands.03/2" not in done.stdout
    assert look(connection) == [0, 1, 2]


def test_show_gives_a_letter_whole_and_harmless_and_leaves_it(connection: Connection, amqp_url: str) -> None:
    publisher = Publisher(connection)
    bodies = [msgspec.msgpack.encode({"user": "alice", "lines": [1]}), b"\x1b[2J plain", b"\xc1\xff"]
    for n, body in enumerate(bodies):
        headers = {"reason": "version 2 is not 1", "stream": STREAM, "offset": n}
        publisher.publish(Outgoing("", DEAD_LETTERS_QUEUE, body, headers=headers))
    publisher.flush()
    done = cli(amqp_url, "show", *(f"--id={STREAM}/{n}" for n in range(3)))
    assert done.returncode == 0, done.stderr
    assert f"{STREAM}/0: version 2 is not 1" in done.stdout
    assert '"user": "alice"' in done.stdout
    assert "\\x1b[2J plain" in done.stdout
    assert "\\xc1\\xff" in done.stdout
    assert "\x1b" not in done.stdout
    box = Box(connection)
    box.close()
    assert [letter.body for letter in box.letters] == bodies


def test_more_letters_than_are_taken_at_once_are_counted(connection: Connection) -> None:
    bury(connection, 5)
    box = Box(connection, letters_max=2)
    box.close()
    assert ([int(letter.body) for letter in box.letters], box.left) == ([0, 1], 3)


def test_requeue_by_id(connection: Connection, amqp_url: str) -> None:
    bury(connection, 3)
    done = cli(amqp_url, "requeue", "--id", "commands.03/1", "--yes")
    assert (done.returncode, done.stdout) == (0, "1 requeued\n"), done.stderr
    assert in_stream(connection) == [(b"1", True)]
    assert look(connection) == [0, 2]


def test_discard_asks_first(connection: Connection, amqp_url: str) -> None:
    bury(connection, 3)
    assert cli(amqp_url, "discard", "--all", answer="n\n").returncode == 1
    assert look(connection) == [0, 1, 2]
    done = cli(amqp_url, "discard", "--all", "--limit", "2", answer="y\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("2 discarded\n")
    assert look(connection) == [2]


def test_a_letter_from_no_stream_of_ours_cannot_be_requeued(connection: Connection, amqp_url: str) -> None:
    bury(connection, 1, stream="elsewhere")
    done = cli(amqp_url, "requeue", "--all", "--yes")
    assert done.returncode == 1
    assert "elsewhere/0 came from no stream of ours" in done.stderr
    assert look(connection) == [0]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("discard", "--yes"), 2, "--all"),
        (("discard", "--all", "--id", "commands.03/0", "--yes"), 2, "--all"),
        (("show",), 2, "--id"),
        (("requeue", "--id", "commands.03/7", "--yes"), 1, "there is no dead letter commands.03/7"),
        (("requeue", "--all", "--yes"), 1, "there are no dead letters"),
    ],
)
def test_misuse_is_said(amqp_url: str, arguments: tuple[str, ...], code: int, says: str) -> None:
    done = cli(amqp_url, *arguments)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_or_dead_broker_is_said() -> None:
    done = cli("", "list")
    assert (done.returncode, done.stderr) == (2, "dead letters: AMQP_URL is not set: run `export $(make env)`\n")
    done = cli("amqp://guest:guest@127.0.0.1:1/none", "list")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("dead letters: RabbitMQ: ")
