"""A client that openapi-python-client generates from the served document is whole, and trades."""

import importlib
import subprocess
import sys
from types import ModuleType

import httpx
import pytest

from tests.integration.web.website import PASSWORD, Website
from webapp.api.openapi import tag_of
from webapp.api.operation import OPERATIONS

PACKAGE = "generated_daytrade"

CONFIGURATION = """
post_hooks: []
content_type_overrides:
  application/xml: application/octet-stream
  text/event-stream: text/plain
"""
"""No hooks: nobody reads the code. The generator knows no XML, so the client gives the bytes of a dump's file."""


@pytest.fixture(scope="module")
def generated(website: Website, tmp_path_factory):
    """Imports a module of the client, by its name in the package."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(website.app.test_client().get("/api/v1/openapi.json").data)
    (folder / "configuration.yaml").write_text(CONFIGURATION)
    options = ["--path", "openapi.json", "--meta", "none", "--output-path", PACKAGE, "--fail-on-warning"]
    ran = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", "generate", *options, "--config", "configuration.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    sys.path.insert(0, str(folder))

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"{PACKAGE}.{name}")

    yield module
    sys.path.remove(str(folder))


def test_the_generated_client_has_every_call(generated) -> None:
    folders = {operation.name: tag_of(operation).lower() for operation in OPERATIONS}
    assert all(callable(generated(f"api.{tag}.{name}").sync_detailed) for name, tag in folders.items())


def test_the_generated_client_trades(website: Website, generated) -> None:
    models, base_url, symbol = generated("models"), "http://localhost", "GEN"
    transport = {"transport": httpx.WSGITransport(app=website.app)}
    stranger = generated("client").Client(base_url=base_url, httpx_args=transport)
    credentials = models.Credentials(user=website.person(), password=PASSWORD, name="generated")
    created = generated("api.access.create_token").sync(client=stranger, body=credentials)
    client = generated("client").AuthenticatedClient(base_url=base_url, token=created.token, httpx_args=transport)
    give, status = generated("api.commands.give_command").sync, models.CommandStatus

    def done(body, **more):
        answer = give(client=client, body=body, wait=8_000, **more)
        assert answer.status is status.DONE, answer
        return answer

    done(models.Add(command=models.AddCommand.ADD, amount="10000.00"))
    bought = done(models.BuyByShares(command=models.BuyBySharesCommand.BUY, symbol=symbol, shares=2))
    done(models.CommitBuy(command=models.CommitBuyCommand.COMMIT_BUY, order=bought.seq))
    sell = models.SellByShares(command=models.SellBySharesCommand.SELL, symbol=symbol, shares=3)
    refused = give(client=client, body=sell, wait=8_000, idempotency_key="once")
    assert (refused.status, refused.reason) == (status.REJECTED, models.Reason.TOO_FEW_SHARES)
    (position,) = generated("api.account.list_positions").sync(client=client)
    assert (position.symbol, position.shares) == (symbol, 2)
    page = generated("api.history.list_history").sync(client=client, kind=models.ListHistoryKind.SELL)
    assert [(row.kind, row.outcome, row.reason) for row in page.rows] == [
        (models.HistoryKind.COMMAND, models.Outcome.REJECTED, models.Reason.TOO_FEW_SHARES)
    ]
    account = generated("api.account.get_account").sync(client=client)
    assert account.cash_cents == 1_000_000 - bought.amount_cents
