"""Browsers cache scripts and styles for a year, and yet a new page never gets outdated ones."""

import re
import shutil
from pathlib import Path
from urllib.parse import urljoin

from tests.integration.web.website import Website
from webapp.static_files import FOLDER, static_url_path

_ADDRESS = re.compile(r'(?:href|src)="(/static/[^"#]+)')
_IMPORT = re.compile(r'from "([^"]+)"')

FOR_GOOD = {"public", "max-age=31536000", "immutable"}


def test_all_files_that_a_page_loads_are_versioned_and_cached(website: Website) -> None:
    client = website.app.test_client()
    waiting = set(_ADDRESS.findall(client.get("/login").text))
    assert len(waiting) > 5
    seen: set[str] = set()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        with client.get(address) as response:
            assert response.status_code == 200, address
            assert address.startswith(website.app.static_url_path + "/")
            assert set(response.headers["Cache-Control"].split(", ")) == FOR_GOOD
            if address.endswith(".js"):
                waiting |= {urljoin(address, name) for name in _IMPORT.findall(response.text)} - seen
    assert {Path(address).name for address in seen} >= {"app.js", "live.js", "clock.js", "tokens.css", "icons.svg"}


def test_changed_content_gets_a_new_address(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "static")
    here = static_url_path(tmp_path / "static")
    assert here == static_url_path()
    script = tmp_path / "static" / "js" / "clock.js"
    script.write_text(script.read_text() + "\n")
    changed = static_url_path(tmp_path / "static")
    script.rename(script.with_name("hour.js"))
    assert len({here, changed, static_url_path(tmp_path / "static")}) == 3


def test_a_page_from_before_an_upgrade_gets_the_current_files(website: Website) -> None:
    client = website.app.test_client()
    response = client.get("/static/0123456789abcdef/js/chart.js")
    assert response.status_code == 302
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Location"] == f"{website.app.static_url_path}/js/chart.js"
    missing = client.get(f"{website.app.static_url_path}/js/nothing.js")
    assert (missing.status_code, missing.headers["Cache-Control"]) == (404, "no-store")
