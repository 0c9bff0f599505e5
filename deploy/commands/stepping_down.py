"""Behaviour of root in another user's checkout: it installs what only root may install, and continues as the owner."""

import sys

from deploy.servers import servers
from deploy.stack import owner
from deploy.stack.paths import ROOT
from deploy.stack.progress import say

WITHOUT_SERVERS = ("down", "status", "env", "clean")
"""Commands that need no server program."""


def step_down(arguments: list[str]) -> None:
    """Replaces this process by one of the checkout's owner, if this one is root's and must not stay so; else returns.

    Raises StackError if the owner may not run this Python.
    """
    account = owner.stand_in(str(ROOT))
    if not account:
        return
    command = arguments[0] if arguments else "--help"
    if not (command in WITHOUT_SERVERS or command.startswith("-")):
        servers.install(for_tests=command == "test")
    say(f"This checkout is {account.pw_name}'s: continuing as {account.pw_name}")
    owner.become(account)
    owner.go_on_with(sys.executable, "-m", "deploy", *arguments)
