"""The history page: filtered, downloaded as a file, and every figure explained by its rows."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.person import BrowserUser


@pytest.fixture
def holder(trader: BrowserUser, symbol: str) -> BrowserUser:
    """Person with four history rows: $10,000 added, 10 shares bought for $1,000, one order rejected."""
    trader.place("Buy", symbol, "1000").settle("Commit").sees_message("Bought")
    trader.place("Buy", symbol, "99999").sees_message("Buy order: rejected")
    return trader


def test_filter(holder: BrowserUser, symbol: str):
    holder.go("/history")
    rows = holder.page.locator("tr[data-row]")
    expect(rows).to_have_count(4)
    holder.page.get_by_label("Kind").select_option(label="Buy order")
    holder.page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(2)
    holder.page.get_by_label("Kind").select_option(label="Everything")
    holder.page.get_by_role("main").get_by_label("Symbol").fill(symbol.lower())
    holder.page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(3)
    holder.page.get_by_label("To (UTC)").fill("2020-01-01T00:00")
    holder.page.get_by_role("button", name="Filter").click()
    expect(holder.page.get_by_text("No rows match")).to_be_visible()
    holder.page.get_by_role("link", name="Show everything").click()
    expect(rows).to_have_count(4)


def test_export(holder: BrowserUser, tmp_path: Path):
    holder.go("/history")
    for form, read in (("CSV", lambda text: list(csv.DictReader(text.splitlines()))), ("JSON", json.loads)):
        with holder.page.expect_download() as started:
            holder.page.get_by_role("link", name=form).click()
        file = tmp_path / form
        started.value.save_as(file)
        rows = read(file.read_text())
        assert [row["command"] for row in rows] == ["ADD", "BUY", "COMMIT_BUY", "BUY"]
        assert sum(int(row["cash_delta_cents"]) for row in rows) == 900_000


def test_export_of_what_was_filtered(holder: BrowserUser, symbol: str, tmp_path: Path):
    holder.go(f"/history?kind=BUY&symbol={symbol}")
    with holder.page.expect_download() as started:
        holder.page.get_by_role("link", name="These as JSON").click()
    started.value.save_as(tmp_path / "these")
    rows = json.loads((tmp_path / "these").read_text())
    assert [(row["command"], row["symbol"]) for row in rows] == [("BUY", symbol)] * 2


def test_a_figure_is_explained_and_a_past_account_is_shown(holder: BrowserUser, symbol: str):
    holder.go("/")
    holder.page.get_by_role("link", name="Explain available cash").click()
    expect(holder.page.get_by_role("heading", name="Available cash: $9,000.00")).to_be_visible()
    rows = holder.page.get_by_role("region", name="Rows that add up").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("10 shares")
    rows.last.get_by_role("link").first.click()
    expect(holder.figure("cash-then")).to_have_text("$9,000.00")
    holder.page.get_by_role("link", name="Row 1", exact=True).click()
    expect(holder.figure("cash-then")).to_have_text("$10,000.00")
    expect(holder.page.get_by_text("Reason", exact=True)).to_have_count(0)


def test_orders_as_they_were_at_a_row(holder: BrowserUser, symbol: str):
    holder.set_trigger("Buy", symbol, "300", "1.50")
    holder.go("/history/2")
    expect(holder.page.get_by_role("region", name="Pending orders at that time").locator("tbody tr")).to_contain_text(
        "10"
    )
    expect(holder.page.get_by_text("No trigger order was set.")).to_be_visible()
    holder.go("/history/6")
    expect(holder.page.get_by_text("No order was pending.")).to_be_visible()
    trigger = holder.page.locator(f"[data-trigger-then={symbol}-buy]")
    expect(trigger).to_contain_text("≤ $1.50")
    expect(trigger).to_contain_text("$300.00")


def test_another_person_has_another_history(holder: BrowserUser, new_person: Callable[..., BrowserUser]):
    other = new_person().sign_up()
    assert other.page.request.get(f"{other.url}/history/2").status == 404
    assert other.page.request.get(f"{other.url}/history.json").json() == []
