"""Simulated person at a browser, with a method for each thing that people do. Selectors are here and not in tests."""

import re
import secrets

from playwright.sync_api import BrowserContext, Locator, Page, expect

PASSWORD = "correct horse battery"


class BrowserUser:
    """Person with a browser window. `complaints`: errors that scripts or the browser reported on any page."""

    def __init__(self, context: BrowserContext, url: str, name: str):
        self.name = name
        self.url = url
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("console", self._hear)

    def _hear(self, message) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def go(self, path: str) -> None:
        self.page.goto(self.url + path)

    def sign_up(self) -> "BrowserUser":
        self.go("/signup")
        self.page.get_by_label("User").fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign up").click()
        expect(self.page.get_by_role("heading", name="Dashboard")).to_be_visible()
        return self

    def join(self, dollars: str) -> "BrowserUser":
        """Signs up and adds funds by mere requests, then opens the dashboard: drawing the pages between takes long."""
        self._send("/signup", "/signup", user=self.name, password=PASSWORD)
        self._send("/commands/ADD", "/", amount=dollars, form_token=secrets.token_urlsafe())
        self.go("/")
        self.sees_message("Funds added")
        return self

    def _send(self, path: str, page: str, **fields: str) -> None:
        """Sends a form with the token of its page."""
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', self.page.request.get(self.url + page).text())[1]
        form = {**fields, "csrf_token": token}
        # The answer leads to a page that shows the command's outcome, once; that page is for the browser to open.
        assert self.page.request.post(self.url + path, form=form, max_redirects=0).status == 303

    def log_in(self, password: str = PASSWORD) -> "BrowserUser":
        self.go("/login")
        self.page.get_by_label("User").fill(self.name)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        return self

    def add_funds(self, dollars: str) -> "BrowserUser":
        self.go("/")
        self.page.get_by_label("Amount in dollars").fill(dollars)
        self.page.get_by_role("button", name=re.compile("^Add")).click()
        self.sees_message("Funds added")
        return self

    def fill_ticket(self, side: str, symbol: str, dollars: str) -> None:
        self.go("/trade")
        self.page.get_by_role("radio", name=side).check(force=True)
        self.page.get_by_label("Symbol", exact=True).fill(symbol)
        self.page.get_by_label("Dollars").fill(dollars)

    def place(self, side: str, symbol: str, dollars: str) -> "BrowserUser":
        self.fill_ticket(side, symbol, dollars)
        self.page.get_by_role("button", name="Place order").click()
        return self

    def settle(self, verb: str) -> "BrowserUser":
        """Commits or cancels the newest order."""
        self.page.get_by_role("button", name=re.compile(f"^{verb}")).first.click()
        return self

    def set_trigger(self, side: str, symbol: str, dollars: str, price: str) -> "BrowserUser":
        """Sets an amount and then a price on the Triggers page."""
        self.go("/triggers")
        for button, label, text in (("Set amount", "Dollars", dollars), ("Arm", "Trigger price per share", price)):
            form = self.page.locator("form", has=self.page.get_by_role("button", name=button, exact=True)).last
            form.get_by_role("radio", name=re.compile(f"^{side}")).check(force=True)
            form.get_by_label("Symbol").fill(symbol)
            form.get_by_label(label).fill(text)
            form.get_by_role("button", name=button, exact=True).click()
            self.sees_message("Amount set" if button == "Set amount" else "Armed")
        return self

    def sees_message(self, title: str, text: str = "") -> None:
        message = self.page.locator(".message", has_text=title).last
        expect(message).to_be_visible()
        expect(message).to_contain_text(text)

    def is_live(self) -> None:
        expect(self.page.locator("[data-live-mark]")).to_have_text("Live")

    def is_stale(self) -> None:
        expect(self.page.locator("[data-live-mark]")).to_have_text("Stale")

    def hide_tab(self, hidden: bool) -> None:
        """Hides or shows the tab. A browser without a screen never does so itself, so this reports it to the page."""
        self.page.evaluate(
            """hidden => {
                Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            hidden,
        )

    @property
    def orders(self) -> Locator:
        return self.page.locator("tr[data-order]")

    def position(self, symbol: str) -> Locator:
        return self.page.locator(f"tr[data-position={symbol}]")

    def figure(self, name: str) -> Locator:
        return self.page.locator(f"[data-figure={name}]").first
