"""The client of `client/`, against the real site: README, command line, examples, both clients, its wheel."""

import asyncio
import csv
import inspect
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import flit_core.buildapi
import httpx
import pytest
from daytrade_client import ApiRefusal, AsyncClient, Client, NoAnswer, calls
from daytrade_client.server_sent import EventReader

from bench import web_posts
from bench.processes import free_port
from tests.integration.web.test_web_live import LiveProcess, live
from tests.integration.web.web_process import WebProcess
from tests.integration.web.website import PASSWORD, Website

__all__ = ["live"]

FOLDER = Path(__file__).resolve().parents[3] / "client"


@pytest.fixture(scope="module")
def url(website: Website, live: LiveProcess, wait_for) -> Iterator[str]:
    """Address of a site whose streams are those of `live`."""
    site = WebProcess(website, "web", "webapp", LIVE_PORT=str(live.port))
    wait_for(partial(_is_well, site.port), what="the site is well")
    yield f"http://127.0.0.1:{site.port}"
    site.close()


def _is_well(port: int) -> bool:
    try:
        return web_posts.is_well(port)
    except OSError:
        return False


@pytest.fixture
def token(website: Website) -> str:
    return website.api(website.person()).authorization.removeprefix("Bearer ")


@pytest.fixture
def environment(url: str, token: str, tmp_path: Path) -> dict[str, str]:
    """Environment of a program that is logged in."""
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(FOLDER), "PYTHONWARNINGS": "error"}
    return path | {"DAYTRADE_CONFIG": str(tmp_path), "DAYTRADE_URL": url, "DAYTRADE_TOKEN": token}


def _run(environment: dict[str, str], *arguments: str, code: int = 0, python: str = sys.executable) -> str:
    """Runs a Python program; returns what it printed."""
    ran = subprocess.run([python, *arguments], env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_the_first_lines_of_the_readme_work_from_the_wheel_in_an_empty_environment(environment, tmp_path) -> None:
    os.chdir(FOLDER)
    try:
        wheel = tmp_path / flit_core.buildapi.build_wheel(str(tmp_path))
    finally:
        os.chdir(FOLDER.parent)
    with zipfile.ZipFile(wheel) as packed:
        assert {name.split("/")[0] for name in packed.namelist()} == {
            "daytrade_client",
            "daytrade_client-1.0.0.dist-info",
        }
    empty = tmp_path / "empty"
    venv.create(empty)
    python = str(empty / "bin" / "python")
    options = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    _run(environment, "-m", "pip", "--python", python, "install", *options)
    # What it depends on comes from the project's own packages, so that the test needs no package index.
    (packages,) = (empty / "lib").glob("*/site-packages")
    (packages / "dependencies.pth").write_text(f"{Path(httpx.__file__).parents[1]}\n")
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    first = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert first.count("\n") == 10
    del environment["PYTHONPATH"]
    printed = _run(environment, "-c", first.replace('"ABC"', '"RDM"'), python=python)
    assert re.fullmatch(r"RDM 5 shares\n\d+\.\d+ dollars\n", printed), printed
    assert "watch" in _run(environment, str(empty / "bin" / "daytrade"), "--help", python=python)


def test_the_command_line_trades(website: Website, url: str, environment) -> None:
    user = website.person()
    del environment["DAYTRADE_URL"], environment["DAYTRADE_TOKEN"]
    daytrade = partial(_run, environment | {"DAYTRADE_PASSWORD": PASSWORD}, "-m", "daytrade_client.command_line")
    assert "daytrade login" in daytrade("quote", "CLI", code=2)
    assert f"logged in as {user}" in daytrade("login", url, "--user", user)
    website.api(user).give("ADD", amount="50000.00")
    price = re.fullmatch(r"QUOTE done CLI at (\d+\.\d\d)\n", daytrade("quote", "CLI"))[1]
    assert f"BUY done CLI 2 shares at {price} (order 3)\nCOMMIT_BUY done" in daytrade(
        "buy", "CLI", "--shares", "2", "--commit"
    )
    daytrade("sell", "CLI", "--shares", "1")
    assert "COMMIT_SELL done CLI 1 shares" in daytrade("commit", "sell", "--order", "5")
    assert "no pending sell order" in daytrade("commit", "sell", code=1)
    assert "shares` or `amount" in daytrade("buy", "CLI", code=2)
    assert [line.split()[4] for line in daytrade("history", "--count", "2").splitlines()] == ["COMMIT_SELL"] * 2
    assert daytrade("watch", "cli", "--count", "1") == f"CLI {price}\n"
    assert '"seq":7' in daytrade("stream", "--after", "6", "--count", "1")
    (file,) = Path(environment["DAYTRADE_CONFIG"]).rglob("*.json")
    assert file.stat().st_mode & 0o077 == 0


def test_the_examples_run(website: Website, environment, tmp_path) -> None:
    website.api(website.person()).give("QUOTE", symbol="EXA")
    website.rows(
        "INSERT INTO quote_fetches (symbol, user_id, transaction_number, for_trigger, asked_at_ms, answered_at_ms,"
        " price_cents) SELECT 'EXA', 'x', 1, false, n, n, 1 FROM generate_series(1, 4) AS n RETURNING 1"
    )
    _give(environment, calls.add("90000.00"))
    example = partial(_run, environment)
    bot = example(str(FOLDER / "examples" / "moving_average.py"), "EXA", "--rounds", "2", "--every", "0", "--long", "5")
    assert bot == "COMMIT_BUY done\nkeeps 1 shares\n"
    ladder = [str(FOLDER / "examples" / "trigger_ladder.py"), "EXB", "--first", "4999.00", "--amount", "10000.00"]
    climbed = example(*ladder, "--rungs", "2")
    assert re.search(r"armed at 4998.00\nbought \d+ shares\nthe ladder bought \d+ shares\n$", climbed), climbed
    printed = example(str(FOLDER / "examples" / "export_to_pandas.py"), str(tmp_path / "out"), "--symbol", "EXA")
    rows = _read(tmp_path / "out" / "history.csv")
    assert f"{len(rows)} rows" in printed and rows[-1]["command"] == "ADD"
    assert len(_read(tmp_path / "out" / "prices-EXA.csv")) >= 5


def _read(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text().splitlines()))


def _give(environment: dict[str, str], *orders: calls.Order) -> None:
    with Client(environment["DAYTRADE_URL"], environment["DAYTRADE_TOKEN"]) as client:
        assert all(client.give(order).done for order in orders)


def test_both_clients_have_the_same_calls_and_the_async_one_trades_and_streams(url: str, token: str) -> None:
    def calls_of(kind: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {name: list(inspect.signature(one).parameters) for name, one in methods if name[0] != "_"}

    assert calls_of(Client) == calls_of(AsyncClient)

    async def trade() -> list[int]:
        async with AsyncClient(url, token) as client:
            results = await client.give_all([calls.add("9000.00"), calls.buy("ASY", shares=1), calls.commit("buy")])
            assert all(result.outcome and result.outcome.done for result in results)
            (closed,) = await client.close("ASY")
            assert closed.commit is not None and closed.commit.done
            seqs = []
            async for event in client.stream(after=2):
                if event.entry is not None:
                    seqs.append(event.entry.seq)
                if len(seqs) == 3:
                    return seqs + [row.seq async for row in client.history()]

    assert asyncio.run(trade()) == [3, 4, 5, 5, 4, 3, 2, 1]


def test_a_command_without_an_answer_is_sent_again_with_its_key_and_takes_effect_once(
    website: Website, monkeypatch
) -> None:
    caller = website.api(website.person())
    token = caller.authorization.removeprefix("Bearer ")
    monkeypatch.setattr("daytrade_client.exchange.PAUSES_SECONDS", (0.0,) * 5)
    site, lost = httpx.WSGITransport(app=website.app), []

    class LosesAnswers(httpx.BaseTransport):
        """Lets the site take each command, and loses all answers but every third."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = site.handle_request(request)
            answer.read()
            lost.append(request)
            if len(lost) % 3:
                raise httpx.ReadError("lost")
            return answer

    with Client("http://localhost", token, LosesAnswers()) as client:
        assert client.add("5.00").done
        with pytest.raises(ApiRefusal) as refused:
            client.add("9" * 25)
        assert [fault.field for fault in refused.value.problem.errors] == ["amount"]
    assert [row["cash_delta_cents"] for row in caller.get("/history").json["rows"]] == [500]
    with Client(f"http://127.0.0.1:{free_port()}", token) as client:
        order = calls.add("1.00")
        with pytest.raises(NoAnswer) as unanswered:
            client.give(order)
        assert unanswered.value.key == order.key


def test_an_event_that_a_lost_connection_cut_off_is_not_taken():
    reader = EventReader()
    assert [reader.take(line) for line in ("id: 4", "event: outcome", 'data: {"seq":4}')] == [None] * 3
    reader.begin_again()
    assert (reader.take(""), reader.last_seq) == (None, None)
    for line in ("id: 4", "event: outcome", 'data: {"a":', "data: 1}"):
        reader.take(line)
    event = reader.take("")
    assert (event.name, bytes(event.data), event.last_seq, reader.last_seq) == ("outcome", b'{"a":\n1}', 4, 4)
