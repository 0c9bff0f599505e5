"""The site behind a reverse proxy that puts pages and live updates under one address (WEB_PROXIES, LIVE_URL)."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.browser.person import BrowserUser
from tests.browser.reverse_proxy import ReverseProxy
from tests.browser.site import SiteUnderTest


def test_all_of_the_site_works_at_the_proxys_address(
    new_person: Callable[..., BrowserUser], second_site: Callable[..., SiteUnderTest], symbol: str
):
    behind = second_site("web", "live", WEB_PROXIES="1", LIVE_URL="/live")
    behind.quotes.set_price(symbol, 2_500)
    with ReverseProxy({"/": behind.port, "/live": behind.live_port}) as proxy:
        # The browser uses another host name than the proxy's target, so that nothing may depend on the target's.
        here = f"http://localhost:{proxy.port}"
        person = new_person()
        person.url = here
        person.sign_up()
        assert person.page.url == f"{here}/"
        person.is_live()
        policy = person.page.request.get(f"{here}/").headers["content-security-policy"]
        assert policy.endswith("connect-src 'self'"), policy
        person.add_funds("1000")
        person.place("Buy", symbol, "250").settle("Commit").sees_message("Bought", "10 shares")
        person.go("/")
        expect(person.position(symbol)).to_contain_text("10 shares")
        person.is_live()
        # The change comes through the stream, because another page gives the command.
        behind_its_back = BrowserUser(person.page.context, here, person.name)
        behind_its_back.add_funds("50")
        expect(person.figure("cash")).to_have_text("$800.00")
        person.page.context.close()
