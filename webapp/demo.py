"""`python -m webapp.demo`: creates a demo person with cash, positions and trigger orders.

It sends real commands through the gateway with idempotency keys, so a second run adds nothing. The person's password
becomes DEMO_PASSWORD, also if the person exists already.
"""

import os
import sys
import time

from runtime import entry_point
from runtime.log_setup import set_up_logging
from schema.commands import CommandName
from schema.errors import DayTradeError, SettingsError
from webapp import close_app, create_app, passwords, people, reads
from webapp.commands import CommandRequest, CommandResult, run
from webapp.settings import from_environment
from webapp.site import site
from webapp.unavailable import Unavailable

USER = "demo"
WAIT_MS = 30_000
GATEWAY_SECONDS_MAX = 15.0
PAUSE_SECONDS = 0.1

WATCHED = ("ABC", "GEM", "OIL", "SKY", "XYZ")

STORY: tuple[tuple[CommandName, list[str]], ...] = (
    (CommandName.ADD, ["100000.00"]),
    (CommandName.BUY, ["ABC", "12000.00"]),
    (CommandName.COMMIT_BUY, []),
    (CommandName.BUY, ["GEM", "9000.00"]),
    (CommandName.COMMIT_BUY, []),
    (CommandName.BUY, ["SKY", "15000.00"]),
    (CommandName.COMMIT_BUY, []),
    (CommandName.SELL, ["SKY", "5000.00"]),
    (CommandName.COMMIT_SELL, []),
    (CommandName.SET_BUY_AMOUNT, ["OIL", "4000.00"]),
    (CommandName.SET_BUY_TRIGGER, ["OIL", "5.00"]),
    (CommandName.SET_SELL_AMOUNT, ["ABC", "4900.00"]),
    (CommandName.SET_SELL_TRIGGER, ["ABC", "4900.00"]),
)
"""Amounts are above any price, so that each buys at least one share."""

ABOUT = """
Usage: python -m webapp.demo

Creates the demo person, or gives them a new password: DEMO_PASSWORD, which is required.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
webapp/settings.py and schema/settings.py list all.
"""


def main() -> int:
    """Exit codes: 0 the demo person exists, 1 not possible now, 2 a setting is missing or wrong."""
    password = os.environ.get("DEMO_PASSWORD")
    try:
        if not password:
            raise SettingsError("DEMO_PASSWORD is not set: it must hold the password of the demo person")
        settings = from_environment(os.environ)
        set_up_logging("warning", "demo")
        app = create_app(settings)
        try:
            with app.app_context():
                _wait_for_gateway()
                _make_person(password)
                _tell_story()
        finally:
            close_app(app)
    except DayTradeError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2 if isinstance(error, SettingsError) else 1
    return 0


def _wait_for_gateway() -> None:
    deadline = time.monotonic() + GATEWAY_SECONDS_MAX
    while not site().gateway.up:
        if time.monotonic() > deadline:
            raise Unavailable("the message broker does not answer")
        time.sleep(PAUSE_SECONDS)


def _make_person(password: str) -> None:
    store = site().store
    found = people.find(store, USER)
    if found is None:
        people.make(store, USER, passwords.hashed(password), take_account=True)
    elif not passwords.verify(found[1], password):
        people.set_password(store, USER, passwords.hashed(password))


def _tell_story() -> None:
    for number, (name, arguments) in enumerate(STORY, start=1):
        request = CommandRequest(name, arguments, USER)
        result: CommandResult = run(request, WAIT_MS, key="-".join(["demo", str(number), name, *arguments]))
        if result.pending:
            raise Unavailable(f"{name} has no outcome after {WAIT_MS / 1000:.0f} s")
    for symbol in WATCHED:
        reads.watch(USER, symbol)


if __name__ == "__main__":
    entry_point.run_process("demo", main, ABOUT, logged=False)
