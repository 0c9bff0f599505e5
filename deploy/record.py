"""What the stack remembers between commands: which servers it uses, their ports and passwords.

A file that only its owner may read. Whether something runs is never remembered, it is asked.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field

from deploy.paths import RECORD, STACK

GIVEN, CONTAINER, PRIVATE = "given", "container", "private"


def _password() -> str:
    return secrets.token_hex(16)  # hexadecimal: it needs no quoting in a URL, a shell or a configuration file


@dataclass
class Record:
    kind: str = ""
    kind_of_last_run: str = ""
    last_profile: str = ""
    """Of the last run that began; empty where none did."""
    loadtest_place: int = 1
    """Where the last load test is (`profiles.PLACES`)."""
    ports: dict[str, int] = field(default_factory=dict)
    quote_ports: dict[str, int] = field(default_factory=dict)
    site_ports: dict[str, int] = field(default_factory=dict)
    demo_password: str = ""
    amqp_url: str = ""
    database_url: str = ""
    amqp_password: str = field(default_factory=_password)
    database_password: str = field(default_factory=_password)
    superuser_password: str = field(default_factory=_password)
    supervisor_password: str = field(default_factory=_password)

    def begun(self, profile: str) -> None:
        """From now on the last run is this one. Saves."""
        self.last_profile = profile
        self.kind_of_last_run = self.kind
        self.save()

    def save(self) -> None:
        make_stack_folder()
        draft = RECORD.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(asdict(self), indent=2) + "\n")
        draft.replace(RECORD)


def load() -> Record:
    """The record as it was saved, or a new one with new passwords."""
    if not RECORD.exists():
        return Record()
    return Record(**json.loads(RECORD.read_text()))


def make_stack_folder() -> None:
    """Others may pass through (Postgres runs as another user when we are root) but not list what is inside."""
    STACK.mkdir(exist_ok=True)
    os.chmod(STACK, 0o711)
