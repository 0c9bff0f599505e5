"""The Python interpreter that runs: its version, and whether it was built with optimisation.

`make_venv.sh` imports this module before any package is installed: it may import the standard library only.
"""

import platform
import sys
import sysconfig


def is_optimised() -> bool:
    """Whether the interpreter was built with profile-guided optimisation, as far as one can tell.

    Debian builds its own so, but leaves that out of the recorded options.
    """
    from_distribution = sys.base_prefix == "/usr"
    return from_distribution or "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")


def described() -> str:
    """Version of the interpreter, with a note if its build makes it slow."""
    return platform.python_version() + ("" if is_optimised() else " (built without optimisation)")
