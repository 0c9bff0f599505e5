"""Writes the files of this stack's broker, from templates and data of rabbitmq/. It starts nothing."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from string import Template

from deploy.stack import stack_folder
from deploy.stack.paths import LOGS, RABBITMQ_HOME, RABBITMQ_TEMPLATES
from deploy.stack.profiles import LIVE, LOADTEST, NAMESPACES, TEST, TEST_NAMESPACES, vhost_of
from deploy.stack.record import Record
from rabbitmq import rights

CONFIG, DEFINITIONS, PLUGINS = "rabbitmq.conf", "definitions.json", "enabled_plugins"
DATA, COOKIE = "data", ".erlang.cookie"


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
    """Prepares the start of a private broker: makes its folders and a new Erlang cookie. No other process
    needs to know it.

    Erlang refuses a cookie that is empty (after a full disk) or readable by others (after a `chmod -R`).
    """
    stack_folder.folder(RABBITMQ_HOME / DATA)
    stack_folder.folder(LOGS / "rabbitmq")
    cookie = stack_folder.file(RABBITMQ_HOME / COOKIE)
    cookie.unlink(missing_ok=True)
    cookie.touch(mode=0o600)
    cookie.write_text(secrets.token_hex())


def definitions_of(record: Record) -> Mapping[str, object]:
    """Returns RabbitMQ's definitions of users and rights, for the vhosts of all profiles."""
    tests = [vhost_of(TEST, namespace) for namespace in TEST_NAMESPACES]
    others = [LIVE, *(vhost_of(LOADTEST, namespace) for namespace in NAMESPACES)]
    return rights.definitions(others, tests, record.amqp_password)


def _fill(name: str, values: dict[str, str], mode: int) -> None:
    _write(name, Template((RABBITMQ_TEMPLATES / name).read_text()).substitute(values), mode)


def _write(name: str, text: str, mode: int) -> None:
    path = stack_folder.file(RABBITMQ_HOME / name)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
