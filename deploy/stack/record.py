"""Record of the stack, kept between commands: which servers it uses, their ports and passwords.

The record is a file that only its owner may read. A copy is kept, because the data cannot be read
without the passwords. The record never says whether something runs; commands ask the processes.
"""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from deploy.stack import stack_folder
from deploy.stack.paths import RECORD, RECORD_COPY
from deploy.stack.progress import say

GIVEN: Final = "given"
CONTAINER: Final = "container"
PRIVATE: Final = "private"

Kind = Literal["", "given", "container", "private"]
Profile = Literal["", "live", "loadtest", "test"]
Namespace = Literal[1, 2]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Password = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]*$", max_length=64)]

NEVER_ABSENT = {"kind", "ports", "amqp_password", "database_password", "superuser_password", "supervisor_password"}
"""Fields without which a saved record is damaged: filling in new values would silently lose the old ones."""


class Damaged(Exception):
    """Failure to read a record. The text gives the reason; the caller adds the file's name."""


def _password() -> str:
    return secrets.token_hex(16)  # hexadecimal needs no quoting in a URL, a shell or a configuration file


@dataclass
class Record:
    kind: Kind = ""
    kind_of_last_run: Kind = ""
    last_profile: Profile = ""
    """Profile of the last run that began; empty if none did."""
    loadtest_namespace: Namespace = 1
    """Namespace of the last load test (`profiles.NAMESPACES`)."""
    ports: dict[str, Port] = field(default_factory=dict)
    quote_ports: dict[str, Port] = field(default_factory=dict)
    site_ports: dict[str, Port] = field(default_factory=dict)
    metrics_ports: dict[str, Port] = field(default_factory=dict)
    """Port of each process's metrics, by the process's name."""
    demo_password: Password = field(default="", repr=False)
    amqp_url: str = field(default="", repr=False)
    database_url: str = field(default="", repr=False)
    amqp_password: Password = field(default_factory=_password, repr=False)
    database_password: Password = field(default_factory=_password, repr=False)
    superuser_password: Password = field(default_factory=_password, repr=False)
    supervisor_password: Password = field(default_factory=_password, repr=False)

    def begun(self, profile: Profile) -> None:
        """Notes that a run of this profile has begun, as the last run, and saves the record."""
        self.last_profile = profile
        self.kind_of_last_run = self.kind
        self.save()

    def save(self) -> None:
        """Saves the record and its copy. Raises OSError; the previous file is then still there."""
        stack_folder.ensure()
        text = json.dumps(asdict(self), indent=2) + "\n"
        for path in (RECORD, RECORD_COPY):
            draft = stack_folder.file(path.with_suffix(".new"))
            draft.touch(mode=0o600)
            draft.write_text(text)
            draft.replace(path)


def load() -> Record:
    """Returns the saved record, its copy if the record is damaged, or a new one with new passwords.

    Raises OSError if it may not be read.
    """
    faults = {}
    for path in (RECORD, RECORD_COPY):
        try:
            record = _read(path)
        except Damaged as damage:
            faults[path] = f"{path.name} {damage}"
            continue
        if faults:
            say(f"{faults[RECORD]}; using its copy")
        return record
    if any(path.exists() for path in faults):
        say(f"{' and '.join(faults.values())}; choosing new ports and passwords, and forgetting the last run")
    return Record()


def _read(path: Path) -> Record:
    try:
        values = msgspec.json.decode(path.read_bytes())
        if not isinstance(values, dict) or NEVER_ABSENT - values.keys():
            raise Damaged("is not a record of this stack")
        if "loadtest_place" in values:  # the name of that field in records of earlier versions
            values["loadtest_namespace"] = values.pop("loadtest_place")
        return msgspec.convert(values, Record)
    except FileNotFoundError as error:
        raise Damaged("is missing") from error
    except IsADirectoryError as error:
        raise Damaged("is a folder") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Damaged("is damaged" if path.stat().st_size else "is empty") from error
