"""The browser that the browser tests drive: Debian's Chromium, installed when it is missing and we may. Starts none."""

from pathlib import Path

from deploy import install
from deploy.progress import say

PROGRAM = Path("/usr/bin/chromium")
PACKAGE = "chromium"


def ensure() -> None:
    """Without it all other tests can run: who may not install is told, and the browser tests fail saying the same."""
    if PROGRAM.exists():
        return
    if install.can_install():
        install.install([PACKAGE])
    else:
        say(f"{PROGRAM} is missing: the browser tests will fail. Debian: sudo apt-get install {PACKAGE}")
