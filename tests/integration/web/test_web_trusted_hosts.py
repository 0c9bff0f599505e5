"""Host names: the site answers under its own names only, so that no other site can pass it off as theirs."""

import pytest

from tests.integration.web.test_web_live import LiveProcess
from tests.integration.web.website import Website


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "evil.example:80"])
def test_a_request_for_another_host_name_is_refused_and_says_why(website: Website, host: str) -> None:
    client = website.app.test_client()
    for path, kind in (("/login", "text/plain"), ("/api/v1/openapi.json", "application/problem+json")):
        answer = client.get(path, base_url=f"http://{host}")
        assert (answer.status_code, answer.mimetype) == (400, kind)
        assert "WEB_TRUSTED_HOSTS" in answer.text
    assert client.get("/healthz", base_url=f"http://{host}").status_code == 200, "load balancers use any name"


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "Trade.example", "pub.example"])
def test_the_sites_own_names_are_trusted(website: Website, host: str) -> None:
    app = website.another(WEB_TRUSTED_HOSTS="trade.example, www.example", LIVE_URL="https://pub.example/live")
    assert app.test_client().get("/login", base_url=f"http://{host}").status_code == 200


def test_the_live_updates_refuse_another_host_name(website: Website, wait_for) -> None:
    live = LiveProcess(website)
    try:
        wait_for(live.is_well, what="it is up")
        assert live.status("/live", Host="evil.example")[0] == 400
        assert live.status("/live")[0] == 401
    finally:
        live.close()
