"""Fills in the templates of rabbitmq/ for this stack's broker. It starts nothing."""

import base64
import hashlib
import secrets
from pathlib import Path
from string import Template

from deploy.stack import stack_folder
from deploy.stack.paths import LOGS, RABBITMQ_HOME, RABBITMQ_TEMPLATES
from deploy.stack.record import Record

CONFIG, DEFINITIONS, PLUGINS = "rabbitmq.conf", "definitions.json", "enabled_plugins"
DATA, COOKIE = "data", ".erlang.cookie"


def render(record: Record, listener: str, definitions: str, mode: int = 0o600) -> Path:
    """Writes the three files with the rights `mode`; returns their folder. `listener` and `definitions` are an address
    and a path as the broker sees them, which may run in a container.
    """
    stack_folder.folder(RABBITMQ_HOME)
    _fill(CONFIG, {"listener": listener, "definitions": definitions}, mode)
    _fill(DEFINITIONS, {"password_hash": password_hash(record.amqp_password)}, mode)
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


def password_hash(password: str) -> str:
    """Hashes like `rabbitmqctl hash_password`: base64(salt + sha256(salt + password)), with a salt of 4 bytes."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _fill(name: str, values: dict[str, str], mode: int) -> None:
    path = stack_folder.file(RABBITMQ_HOME / name)
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(Template((RABBITMQ_TEMPLATES / name).read_text()).substitute(values))
