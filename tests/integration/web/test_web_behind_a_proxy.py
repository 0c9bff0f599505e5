"""Settings of a site behind reverse proxies: which proxies it believes, and where its live updates are."""

import pytest

from schema.errors import SettingsError
from tests.integration.web.test_web_live import LiveProcess
from tests.integration.web.website import Website

LIVE_URL = "https://trade.example:8443/live"


def _attempts(website: Website, forwarded_for: list[str], **settings: str) -> list[int]:
    """Returns the statuses of attempts to get a token, one for each X-Forwarded-For header."""
    client = website.another(WEB_LIMITS="on", **settings).test_client()
    body = {"user": "nobody", "password": "wrong wrong", "name": "x"}
    return [
        client.post("/api/v1/tokens", json=body, headers={"X-Forwarded-For": forwarded}).status_code
        for forwarded in forwarded_for
    ]


def test_clients_are_told_apart_by_the_address_that_the_sites_proxy_adds(website: Website) -> None:
    """The client's own addresses come first in the header, and the site ignores them."""
    forwarded = [f"10.9.9.{number}, 192.0.2.1" for number in range(11)]
    assert _attempts(website, [*forwarded, "192.0.2.1, 192.0.2.2"], WEB_PROXIES="1") == [403] * 10 + [429, 403]


def test_without_a_configured_proxy_forwarded_addresses_are_ignored(website: Website) -> None:
    assert _attempts(website, [f"10.9.9.{number}" for number in range(11)]) == [403] * 10 + [429]


def test_pages_name_the_live_updates_where_the_proxy_has_them(website: Website) -> None:
    app = website.another(LIVE_URL=LIVE_URL, WEB_PROXIES="1", WEB_HTTPS="yes")
    browser = website.browser(app)
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "trade.example"}
    browser.client.environ_base |= {f"HTTP_{name.upper().replace('-', '_')}": to for name, to in forwarded.items()}
    page = browser.client.get("/login", base_url="https://127.0.0.1")
    assert f"connect-src 'self' {LIVE_URL.removesuffix('/live')}" in page.headers["Content-Security-Policy"]
    assert page.headers["Strict-Transport-Security"]
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-") and "Secure" in cookie


def test_streams_are_for_the_site_under_the_name_the_proxy_tells(website: Website, wait_for) -> None:
    live = LiveProcess(website, WEB_PROXIES="1", WEB_TRUSTED_HOSTS="trade.example")
    try:
        wait_for(live.is_well, what="it is up")
        forwarded = {"X_Forwarded_Host": "trade.example:8443"}
        status, headers = live.status("/live", Origin="https://trade.example", **forwarded)
        assert status == 401, "let in, but nobody's"
        assert headers["access-control-allow-origin"] == "https://trade.example"
        assert live.status("/live", Origin="https://evil.example", **forwarded)[0] == 403
        forged = {"X_Forwarded_Host": "evil.example, trade.example"}
        assert live.status("/live", Origin="https://evil.example", **forged)[0] == 403
    finally:
        live.close()


@pytest.mark.parametrize(
    "address", ["live", "ftp://trade.example/live", "//trade.example/live", "/live?x=1", "https:///"]
)
def test_an_address_that_cannot_be_one_is_refused_at_the_start(website: Website, address: str) -> None:
    with pytest.raises(SettingsError, match="LIVE_URL"):
        website.settings(LIVE_URL=address)
