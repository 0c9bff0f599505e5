"""Installs the server programs with apt-get, for root on Debian or Ubuntu.

Nothing here starts, stops or configures a server, and the packages are prevented from doing so.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.stack.failure import StackError
from deploy.stack.progress import progress

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_ASIDE = POLICY.with_name("policy-rc.d.before-daytrade")
SERVICE_DENIED = 101  # exit code of policy-rc.d that forbids touching a service
SECONDS_MAX = 900
# Services that the packages would start at the next boot, on their default ports.
SERVICES = {
    "rabbitmq-server": ("rabbitmq-server", "epmd.socket", "epmd"),
    "postgresql": ("postgresql",),
    "nginx-light": ("nginx",),
}


def can_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: list[str]) -> None:
    """Installs the packages. Raises StackError with the end of apt-get's output."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with progress(f"Installing {' and '.join(packages)} with apt-get"), _services_kept_down():
        _apt_get(["update"], environment)
        _apt_get(["install", "--yes", "--no-install-recommends", *packages], environment)
    for package in packages:
        _keep_from_booting(SERVICES.get(package, ()))


def _apt_get(arguments: list[str], environment: dict[str, str]) -> None:
    command = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", *arguments]
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS_MAX,
            umask=0o022,  # files that the packages make are for every user of the machine
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"apt-get {arguments[0]} took longer than {SECONDS_MAX} s") from error
    if done.returncode:
        words = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise StackError(f"apt-get {arguments[0]} failed: {' / '.join(words[-2:])}")


@contextmanager
def _services_kept_down() -> Iterator[None]:
    """Replaces, during the block, the script by which invoke-rc.d finds out if a package may start its service."""
    if _policy_denies():
        yield
        return
    if POLICY.exists():
        POLICY.replace(POLICY_ASIDE)
    try:
        POLICY.write_text(f"#!/bin/sh\nexit {SERVICE_DENIED}\n")
        POLICY.chmod(0o755)
        yield
    finally:
        POLICY.unlink(missing_ok=True)
        if POLICY_ASIDE.exists():
            POLICY_ASIDE.replace(POLICY)


def _policy_denies() -> bool:
    if not os.access(POLICY, os.X_OK):
        return False
    return subprocess.run([POLICY, "rabbitmq-server", "start"], capture_output=True).returncode == SERVICE_DENIED


def _keep_from_booting(services: tuple[str, ...]) -> None:
    """Disables the services as far as possible. Without systemd, nothing would start them at the next boot."""
    if shutil.which("systemctl"):
        for service in services:
            subprocess.run(["systemctl", "--no-reload", "disable", service], capture_output=True)
