"""The site behind a real nginx with the configuration of deploy/proxy: what it passes on, and what it keeps away."""

import http.client
import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from string import Template

import psutil
import pytest

from bench.processes import ROOT, free_port
from deploy.servers import reverse_proxy
from tests.integration.web.test_web_half_requests import HALF_A_HEAD, HEAD_OF_A_BODY, SiteProcess
from tests.integration.web.test_web_live import LiveProcess, Page
from tests.integration.web.website import Website
from webapp.addresses import network_of

TEMPLATE = ROOT / "deploy" / "proxy" / "nginx.conf.template"
CONNECTIONS_MAX = 100
"""Requests of one network at once, as the configuration has it."""

NGINX = reverse_proxy.program()
pytestmark = [
    pytest.mark.skipif(NGINX is None, reason=f"nginx is not installed (Debian: {reverse_proxy.PACKAGE})"),
    pytest.mark.usefixtures("website"),
]

SHOWS_NETWORK = """
    server {
        listen 127.0.0.1:%d;
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Test-Address;
        location / { return 200 $network; }
    }
}"""
"""A further server for tests, which answers with the network of the address in a header."""


def rendered(folder: Path, listen: str = "127.0.0.1:8088", web: int = 8080, live: int = 8081) -> str:
    (folder / "tls").mkdir(exist_ok=True)
    return Template(TEMPLATE.read_text()).safe_substitute(
        DAYTRADE_LISTEN=listen,
        DAYTRADE_WEB=f"127.0.0.1:{web}",
        DAYTRADE_LIVE=f"127.0.0.1:{live}",
        DAYTRADE_TLS=folder / "tls",
        DAYTRADE_TMP=folder,
    )


def command(folder: Path, text: str) -> list[str]:
    (folder / "nginx.conf").write_text(text)
    # Workers of another user could not enter the folder of the tests.
    return [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr", "-g", "user root;"]


class NginxFront:
    """nginx in front of a site and its live updates."""

    def __init__(self, folder: Path, site: SiteProcess, live: LiveProcess):
        self.site, self.port, self.network_port = site, free_port(), free_port()
        text = rendered(folder, f"127.0.0.1:{self.port}", site.port, live.port)
        text = text.rstrip().removesuffix("}") + SHOWS_NETWORK % self.network_port
        arguments = [*command(folder, text)[:-1], "user root; daemon off;"]
        self._process = subprocess.Popen(arguments)

    ask = LiveProcess.ask
    status = LiveProcess.status
    opened = SiteProcess.opened

    def is_well(self) -> bool:
        try:
            return self.status("/healthz")[0] == 200
        except OSError:
            return False

    def post(self, path: str, body: bytes, **headers: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
        status = connection.getresponse().status
        connection.close()
        return status

    def reach_the_site(self) -> int:
        """Returns the number of connections that the site has."""
        found = psutil.Process(self.site.process.pid).net_connections("tcp")
        return sum(one.laddr.port == self.site.port and one.status == psutil.CONN_ESTABLISHED for one in found)

    def network_of(self, address: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.network_port, timeout=30)
        connection.request("GET", "/", headers={"X-Test-Address": address})
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)


@pytest.fixture(scope="module")
def front(website: Website, wait_for, tmp_path_factory) -> Iterator[NginxFront]:
    settings = {"WEB_PROXIES": "1", "LIVE_URL": "/live"}
    site, live = SiteProcess(website, WEB_LIMITS="on", **settings), LiveProcess(website, **settings)
    front = NginxFront(tmp_path_factory.mktemp("nginx"), site, live)
    try:
        wait_for(front.is_well, what="the site answers behind nginx")
        wait_for(live.is_well, what="the live updates answer")
        yield front
    finally:
        for one in (front, live, site):
            one.close()


@pytest.mark.parametrize("listen", ["8088", "127.0.0.1:8088", "[::]:8088 ipv6only=off", "8443 ssl"])
def test_nginx_accepts_the_configuration(tmp_path: Path, listen: str) -> None:
    text = rendered(tmp_path, listen)
    assert "DAYTRADE" not in "".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    if listen.endswith("ssl"):
        certificate, key = tmp_path / "tls" / "certificate", tmp_path / "tls" / "key"
        made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=trade.example"]
        subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        (tmp_path / "tls" / "site.conf").write_text(f"ssl_certificate {certificate}; ssl_certificate_key {key};")
    done = subprocess.run([*command(tmp_path, text), "-t"], capture_output=True, text=True)
    assert (done.returncode, "test is successful" in done.stderr) == (0, True), done.stderr


def test_pages_and_live_updates_are_at_one_address(front: NginxFront, website: Website) -> None:
    browser = website.browser()
    browser.log_in(website.person())
    with Page(front, browser) as stream:
        stream.hear("account")
    assert front.status("/login")[0] == 200


@pytest.mark.parametrize("first_bytes", [HALF_A_HEAD, HEAD_OF_A_BODY], ids=["head", "body"])
def test_half_requests_do_not_reach_the_site(front: NginxFront, first_bytes: bytes) -> None:
    before = front.reach_the_site()
    with ExitStack() as opened:
        for _ in range(CONNECTIONS_MAX // 2):
            opened.enter_context(front.opened(first_bytes))
        assert front.status("/login")[0] == 200
        assert front.reach_the_site() <= before + 1


def test_requests_that_are_too_large_do_not_reach_the_site(front: NginxFront) -> None:
    before = front.reach_the_site()
    assert front.post("/api/v1/commands", b"x" * (64 * 1024 + 1)) == 413
    assert front.status("/login", X_Long="x" * 40_000)[0] == 400
    assert front.reach_the_site() <= before


def test_one_network_has_only_so_many_requests_at_once(front: NginxFront, wait_for) -> None:
    with ExitStack() as opened:
        for _ in range(CONNECTIONS_MAX):
            opened.enter_context(front.opened(HEAD_OF_A_BODY))
        wait_for(lambda: front.status("/login")[0] == 429, what="nginx refuses one more")
    wait_for(lambda: front.status("/login")[0] == 200, what="their places are free again")


def test_a_client_cannot_choose_the_address_that_limits_count(front: NginxFront) -> None:
    body = json.dumps({"user": "nobody", "password": "wrong wrong", "name": "x"}).encode()
    addresses = [f"192.0.2.{number}" for number in range(11)]
    statuses = [front.post("/api/v1/tokens", body, **{"X-Forwarded-For": one}) for one in addresses]
    assert statuses == [403] * 10 + [429]


def test_nginx_tells_networks_apart_as_the_site_does(front: NginxFront) -> None:
    addresses = (
        *("192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1", "::1", "::2:3:4:5:6", "::2:9:9:9:9"),
        *("2001:db8::1", "2001:db8::1:2:3:4", "2001:db8:0:1::5", "2001:db8:0:1:5:6:7:8", "2001:db8:0:2::5"),
        *("2001::1:a:b:c:d", "2001::1:e:f:9:8", "2001::2:a:b:c:d", "2001:0:0:1:2:3:4:5"),
    )
    ours, theirs = [network_of(one) for one in addresses], [front.network_of(one) for one in addresses]
    for n, one in enumerate(addresses):
        for m, other in enumerate(addresses):
            assert (ours[n] == ours[m]) == (theirs[n] == theirs[m]), (one, other, theirs[n], theirs[m])
