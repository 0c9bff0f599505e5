"""What root does in the checkout of somebody else: installs what only root may install, and goes on as the owner."""

import os
import sys

from deploy.servers import servers
from deploy.stack import owner
from deploy.stack.paths import ROOT
from deploy.stack.progress import say

WITHOUT_SERVERS = ("down", "status", "env", "clean")
"""Commands that need no program of a server."""


def step_down(arguments: list[str]) -> None:
    """Returns where nobody needs to step down; else this process is replaced by one of the owner's."""
    account = owner.stand_in(str(ROOT))
    if not account:
        return
    command = arguments[0] if arguments else "--help"
    if not (command in WITHOUT_SERVERS or command.startswith("-")):
        servers.install(for_tests=command == "test")
    say(f"This checkout is {account.pw_name}'s: going on as {account.pw_name}")
    owner.become(account)
    os.execv(sys.executable, [sys.executable, "-m", "deploy", *arguments])
