"""Finds the server programs on this machine, and installs missing ones. It starts none."""

import re
import shutil
import subprocess
from pathlib import Path

from deploy.servers import install, postgres_data
from deploy.stack.failure import StackError

PACKAGES = ("rabbitmq-server", "postgresql")
POSTGRES_VERSION_MIN = 15


def ensure() -> None:
    """Installs missing programs. If this user may not, raises StackError that says what to install."""
    missing = _missing()
    if not missing:
        return
    if not install.can_install():
        raise StackError(
            f"not installed: {' and '.join(missing)}. Install them (Debian, Ubuntu: sudo apt-get install"
            f" {' '.join(missing)}), or start a container engine, or set AMQP_URL and DATABASE_URL"
        )
    install.install(missing)
    if _missing():
        raise StackError(f"installed, but no usable program was found: {' and '.join(_missing())}")


def rabbitmq_server() -> Path | None:
    # The script in PATH is the last choice: Debian's switches to the user rabbitmq and the system's own files.
    return _first_program([Path("/usr/lib/rabbitmq/bin/rabbitmq-server"), *_in_path("rabbitmq-server")])


def epmd() -> Path:
    found = _first_program([*_in_path("epmd"), Path("/usr/lib/erlang/bin/epmd")])
    if not found:
        raise StackError("epmd, which comes with Erlang, was not found in PATH")
    return found


def postgres_folder() -> Path | None:
    """Returns the folder with initdb and postgres, of the version of this stack's data, else the newest."""
    found: dict[int, Path] = {}
    for folder in [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *(path.parent for path in _in_path("postgres")),
    ]:
        if _first_program([folder / "postgres"]) and _first_program([folder / "initdb"]):
            found.setdefault(_version(folder), folder)
    on_disk = postgres_data.version_on_disk()
    if not on_disk:
        newest = max(found, default=0)
        return found[newest] if newest >= POSTGRES_VERSION_MIN else None
    if found and int(on_disk) not in found:
        raise StackError(f"this stack's data need Postgres {on_disk}; install it, or delete the data with `make clean`")
    return found.get(int(on_disk))


def _missing() -> list[str]:
    present = (rabbitmq_server(), postgres_folder())
    return [package for package, found in zip(PACKAGES, present, strict=True) if not found]


def _version(folder: Path) -> int:
    output = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True).stdout
    number = re.search(r"\d+", output)  # "postgres (PostgreSQL) 17.2 (Debian ...)"
    assert number is not None, output
    return int(number[0])


def _in_path(name: str) -> list[Path]:
    found = shutil.which(name)
    return [Path(found).resolve()] if found else []


def _first_program(candidates: list[Path]) -> Path | None:
    return next((path for path in candidates if path.is_file()), None)
