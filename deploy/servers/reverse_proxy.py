"""Reverse proxy of the tests: Debian's nginx, which this module installs if it is missing and the user is root. It
starts none."""

import shutil
from pathlib import Path

from deploy.servers import install
from deploy.stack.progress import say

PACKAGE = "nginx-light"


def program() -> Path | None:
    """Returns nginx, which is not in the path of every user."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    return Path(found) if found else None


def ensure() -> None:
    """Installs nginx, or says that its tests will be skipped. All other tests can run."""
    if program():
        return
    if install.can_install():
        install.install([PACKAGE])
    else:
        say(f"nginx is missing: its tests will be skipped. Debian: sudo apt-get install {PACKAGE}")
