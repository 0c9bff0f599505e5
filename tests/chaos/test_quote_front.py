"""The proxy's quote server stand-in misbehaves as it is told, and records what arrives."""

import asyncio
import json
from pathlib import Path

import pytest

from bench.processes import free_port
from tests.chaos.quote_check import read_front
from tests.chaos.quote_front import QuoteFront

REQUEST = b"ABC,ann\n"
ANSWER = b"12.34,ABC,ann,1,key\n"
ANSWERED = ("ABC", "ann", "12.34", "key")


async def asked(front: QuoteFront, quote_server: int) -> bytes:
    """Returns what a client gets for a request, from a quote server that always answers the same."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(ANSWER)
        writer.close()

    async with (
        await asyncio.start_server(answer, "127.0.0.1", quote_server),
        await asyncio.start_server(front.accept, "127.0.0.1", 0) as server,
    ):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            writer.write(REQUEST)
            return await reader.read()
        finally:
            writer.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def front(tmp_path: Path, port: int) -> QuoteFront:
    return QuoteFront(("127.0.0.1", port), str(tmp_path / "front"))


def test_an_honest_answer_is_recorded_with_its_request(front: QuoteFront, port: int, tmp_path: Path) -> None:
    assert asyncio.run(asked(front, port)) == ANSWER
    noted = read_front(tmp_path / "front")
    assert noted.requests == {("ABC", "ann"): 1}
    assert list(noted.answers) == [ANSWERED]
    assert len(noted.answers[ANSWERED]) == 1


def test_mode_reset_resets_the_connection_and_records_the_request(front: QuoteFront, port: int, tmp_path: Path) -> None:
    front.play("reset")
    with pytest.raises(ConnectionResetError):
        asyncio.run(asked(front, port))
    assert [json.loads(line) for line in (tmp_path / "front").read_text().splitlines()] == [{"request": ["ABC", "ann"]}]


@pytest.mark.parametrize("mode", ["garbage", "wrong-echo", "half-line"])
def test_a_distorted_answer_is_not_recorded_as_an_answer(
    mode: str, front: QuoteFront, port: int, tmp_path: Path
) -> None:
    front.play(mode)
    assert asyncio.run(asked(front, port)) not in (ANSWER, b"")
    noted = read_front(tmp_path / "front")
    assert (noted.requests, dict(noted.answers)) == ({("ABC", "ann"): 1}, {})
