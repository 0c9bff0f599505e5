"""Paths of the stack's files and folders. Nothing here makes or changes any of them."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / ".stack"

RECORD = STACK / "stack.json"
RECORD_COPY = STACK / "stack.copy.json"
LOCK = STACK / "lock"
LOGS = STACK / "log"
SUPERVISOR_CONFIG = STACK / "supervisord.conf"
WORKER_CONFIGS = STACK / "supervisor.d"
POSTGRES_DATA = STACK / "postgres"
POSTGRES_CONFIG = ROOT / "deploy" / "servers" / "postgresql.conf"
RABBITMQ_HOME = STACK / "rabbitmq"
RABBITMQ_TEMPLATES = ROOT / "rabbitmq"
COMPOSE_FILE = ROOT / "deploy" / "compose.yaml"


def from_root(path: Path | str) -> str:
    """Returns the path relative to the project's root, where supervisord runs; a path outside stays absolute.

    A checkout's path may contain any characters, so no program's configuration may contain that path.
    """
    return os.path.relpath(path, ROOT) if Path(path).is_relative_to(ROOT) else str(path)


def log_tail(log: Path, lines: int = 15) -> str:
    """Returns the last lines of a log, or a note why there are none."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
