"""The operations page and the dump of the whole log: administrators see them, and nobody else does."""

import re
from collections.abc import Callable
from pathlib import Path

from lxml import etree
from playwright.sync_api import expect

from bench.processes import ROOT
from tests.browser.person import PASSWORD, BrowserUser
from tests.browser.site import SiteUnderTest

SCHEMA = ROOT / "schema" / "log.xsd"


def _download(person: BrowserUser, folder: Path) -> etree._Element:
    """Downloads the newest file of the list."""
    link = person.page.get_by_role("link", name=re.compile("^Download")).first
    with person.page.expect_download() as started:
        link.click()
    file = folder / f"{person.name}.xml"
    started.value.save_as(file)
    log = etree.parse(file).getroot()
    etree.XMLSchema(etree.parse(SCHEMA)).assertValid(log)
    return log


def _users(log: etree._Element) -> set[str]:
    return {element.text for element in log.iter("username")}


def test_the_dump_of_the_whole_log_holds_all_users(
    new_person: Callable[..., BrowserUser],
    trader: BrowserUser,
    site: SiteUnderTest,
    new_name: Callable[[], str],
    tmp_path: Path,
):
    name = new_name()
    site.make_administrator(name, PASSWORD)
    administrator = new_person(name).log_in()
    expect(administrator.page.get_by_role("heading", name="Dashboard")).to_be_visible()
    administrator.page.get_by_role("link", name="Operations").first.click()
    administrator.page.get_by_role("button", name="Write everybody's log").click()
    administrator.sees_message("Log requested")
    log = _download(administrator, tmp_path)
    assert {trader.name} <= _users(log)


def test_operations_show_who_owns_the_partitions(
    new_person: Callable[..., BrowserUser], site: SiteUnderTest, new_name: Callable[[], str]
):
    name = new_name()
    site.make_administrator(name, PASSWORD)
    administrator = new_person(name).log_in()
    expect(administrator.page.get_by_role("heading", name="Dashboard")).to_be_visible()
    administrator.go("/operations")
    partitions = administrator.page.get_by_role("region", name="Partitions").locator("tbody tr")
    expect(partitions).to_have_count(16)
    expect(partitions.first).to_contain_text("transactions-0@")
    expect(administrator.page.get_by_text("broker up")).to_be_visible()


def test_a_persons_own_log_holds_no_other_user(trader: BrowserUser, tmp_path: Path):
    trader.go("/log")
    trader.page.get_by_role("button", name="Write file").click()
    trader.sees_message("Log requested")
    assert _users(_download(trader, tmp_path)) == {trader.name}


def test_only_administrators_see_operations(trader: BrowserUser):
    assert trader.page.request.get(f"{trader.url}/operations").status == 403
    assert trader.page.request.get(f"{trader.url}/fragments/operations").status == 404
    expect(trader.page.get_by_role("link", name="Operations")).to_have_count(0)
