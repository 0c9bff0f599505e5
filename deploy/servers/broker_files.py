"""Writes the files of this stack's broker, from templates and data of rabbitmq/. It starts nothing."""

import json
import os
import pwd
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path
from string import Template

from deploy.stack import stack_folder
from deploy.stack.paths import RABBITMQ_HOME, RABBITMQ_TEMPLATES, STACK
from deploy.stack.profiles import LIVE, LOADTEST, NAMESPACES, TEST, TEST_NAMESPACES, vhost_of
from deploy.stack.record import Record
from rabbitmq import rights

CONFIG, DEFINITIONS, PLUGINS = "rabbitmq.conf", "definitions.json", "enabled_plugins"
DATA, LOG, COOKIE = "data", "log", ".erlang.cookie"
SERVER_USER = "rabbitmq"
"""User that the packages bring. It is another one than Postgres's, so neither server can read the other's data."""


def server_user() -> str:
    """Returns the user that a private broker runs as; empty for the user of this process.

    root gives it the packages' user, unless that one is missing or cannot enter .stack.
    """
    if os.geteuid() != 0:
        return ""
    try:
        account = pwd.getpwnam(SERVER_USER)
    except KeyError:
        return ""
    entering = ["test", "-x", str(STACK)]
    done = subprocess.run(entering, cwd="/", user=account.pw_uid, group=account.pw_gid, extra_groups=[])
    return SERVER_USER if done.returncode == 0 else ""


def render(record: Record, listener: str, definitions: str, mode: int = 0o600) -> Path:
    """Writes the three files with the rights `mode`; returns their folder. `listener` and `definitions` are an address
    and a path as the broker sees them, which may run in a container.
    """
    stack_folder.folder(RABBITMQ_HOME)
    _fill(CONFIG, {"listener": listener, "definitions": definitions}, mode)
    _write(DEFINITIONS, json.dumps(definitions_of(record), indent=1), mode)
    _fill(PLUGINS, {}, mode)
    return RABBITMQ_HOME


def mend_places() -> None:
    """Prepares the start of a private broker: makes its folders and a new Erlang cookie, which no other process needs
    to know, and hands all over to the broker's user.

    Erlang refuses a cookie that is empty (after a full disk) or readable by others (after a `chmod -R`).
    """
    stack_folder.folder(RABBITMQ_HOME / DATA)
    stack_folder.folder(RABBITMQ_HOME / LOG)
    _write(COOKIE, secrets.token_hex(), 0o600)
    if user := server_user():
        account = pwd.getpwnam(user)
        for path in (RABBITMQ_HOME, *RABBITMQ_HOME.rglob("*")):
            if path.lstat().st_uid != account.pw_uid:
                os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def definitions_of(record: Record) -> Mapping[str, object]:
    """Returns RabbitMQ's definitions of users and rights, for the vhosts of all profiles."""
    tests = [vhost_of(TEST, namespace) for namespace in TEST_NAMESPACES]
    others = [LIVE, *(vhost_of(LOADTEST, namespace) for namespace in NAMESPACES)]
    return rights.definitions(others, tests, record.amqp_password)


def _fill(name: str, values: dict[str, str], mode: int) -> None:
    _write(name, Template((RABBITMQ_TEMPLATES / name).read_text()).substitute(values), mode)


def _write(name: str, text: str, mode: int) -> None:
    path = stack_folder.file(RABBITMQ_HOME / name)
    # A new file: the folder may be the broker's, and root must not write through a link that the broker has put there.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
