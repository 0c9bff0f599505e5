"""Makes a person an administrator of the site, and creates the person if they do not exist.

A stranger may have signed up under the name. So an existing person is promoted only if the operator says that this
person is meant. A new person's password is read from PASSWORD, or asked for on the terminal; an existing person keeps
theirs.
"""

import getpass
import os
import sys
from datetime import UTC, datetime

from sqlalchemy.exc import DBAPIError

from database import postgres
from schema.errors import SettingsError, StoreError
from webapp import passwords, people
from webapp.people import Person
from webapp.security_events import note
from webapp.store import Store
from webapp.unavailable import Unavailable

TERMINAL = "/dev/tty"


def promote(store: Store, user_id: str, existing: bool = False) -> int:
    """Makes the person an administrator. `existing`: the operator means the person who exists already.

    Returns the exit code: 0 done, 1 refused or not confirmed. Raises StoreError, which gives Postgres's own words;
    SettingsError if something that is needed was not given and there is no terminal to ask for it.
    """
    try:
        return _promote(store, user_id, existing)
    except Unavailable as error:  # its text is for people who trade, and hides the cause
        raise StoreError(f"{error}: {postgres.described(error.__cause__ or error)}") from error
    except DBAPIError as error:
        raise StoreError(f"Postgres: {postgres.described(error)}") from error


def _promote(store: Store, user_id: str, existing: bool) -> int:
    found = people.find(store, user_id)
    if found is not None:
        return _promote_existing(store, found[0], existing)
    if existing:
        return _refused(
            f"{user_id} does not exist: check the name, or leave out --existing (EXISTING=yes) to create this person"
        )
    password = os.environ.get("PASSWORD") or _password_asked_for(user_id)
    if (fault := passwords.fault(password, user_id)) is not None:
        return _refused(fault)
    if people.make(store, user_id, passwords.hashed(password), people.ADMINISTRATOR, take_account=True) is None:
        return _refused(f"somebody else has just signed up as {user_id}; nothing was changed")
    note("administrator created", user_id)
    print(f"{user_id} was created, and is an administrator.")
    return 0


def _promote_existing(store: Store, person: Person, existing: bool) -> int:
    user_id = person.user_id
    if person.administrator:
        print(f"{user_id} is an administrator already; nothing was changed.")
        return 0
    if not (existing or _is_confirmed(person)):
        return _refused("nothing was changed")
    people.set_role(store, user_id, people.ADMINISTRATOR)
    note("role changed to administrator, sessions and tokens ended", user_id)
    print(
        f"{user_id}, who existed already, is an administrator now and keeps their password."
        " Their sessions and API tokens have ended: they must log in again."
    )
    return 0


def _is_confirmed(person: Person) -> bool:
    """Whether the operator says on the terminal that this person is meant. Raises SettingsError without a terminal."""
    since = datetime.fromtimestamp(person.created_at_ms / 1000, UTC)
    notice = f"{person.user_id} exists already: somebody made this account on {since:%Y-%m-%d at %H:%M} UTC."
    try:
        with open(TERMINAL, "r+b", buffering=0) as terminal:
            question = f"{notice}\nMake this person an administrator? Their sessions and API tokens end. [y/N] "
            terminal.write(question.encode())
            return terminal.readline().strip().lower() in (b"y", b"yes")
    except OSError as error:
        raise SettingsError(
            f"{notice} Nothing was changed. To promote this person, run"
            f" make admin USER={person.user_id} EXISTING=yes (or daytradectl admin --existing {person.user_id});"
            " they keep their password"
        ) from error


def _password_asked_for(user_id: str) -> str:
    """The password typed on the terminal. Raises SettingsError if there is no terminal."""
    question = f"A password for the new person {user_id}: "
    try:
        # getpass asks on this terminal. Without one, it would read standard input and show what is typed.
        with open(TERMINAL, "rb"):
            pass
        return getpass.getpass(question)
    except (OSError, EOFError) as error:
        raise SettingsError(
            f"{user_id} is new and needs a password, but there is no terminal to ask for one:"
            " put it into the environment variable PASSWORD, and not on the command line, where others can read it"
        ) from error


def _refused(why: str) -> int:
    print(f"admin: {why}", file=sys.stderr)
    return 1
