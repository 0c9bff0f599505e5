"""The browser that the browser tests drive: Debian's Chromium, installed when it is missing and we may. Starts none."""

import ctypes
from pathlib import Path

from deploy.servers import install
from deploy.stack.progress import say

PROGRAM = Path("/usr/bin/chromium")
PACKAGE = "chromium"

LIBRARY, ITS_PACKAGE = "libatomic.so.1", "libatomic1"
"""What Playwright's driver is linked with, and a minimal Debian lacks."""


def ensure() -> None:
    """Without it all other tests can run: who may not install is told, and the browser tests fail saying the same."""
    missing = [PACKAGE] * (not PROGRAM.exists()) + [ITS_PACKAGE] * (not _has_library())
    if not missing:
        return
    if install.can_install():
        install.install(missing)
    else:
        wanted = " ".join(missing)
        say(f"{wanted} is missing: the browser tests will fail. Debian: sudo apt-get install {wanted}")


def _has_library() -> bool:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True
