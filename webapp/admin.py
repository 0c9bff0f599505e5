"""Makes a person an administrator of the site, and creates the person if they do not exist.

A new person's password is read from PASSWORD, or asked for on the terminal. An existing person keeps theirs.
"""

import getpass
import os
import sys

from sqlalchemy.exc import DBAPIError

from database import postgres
from schema.errors import SettingsError, StoreError
from webapp import passwords, people
from webapp.store import Store


def promote(store: Store, user_id: str) -> int:
    """Returns the exit code: 0 done, 1 password refused.

    Raises Unavailable; StoreError on a database that is not migrated; SettingsError without a password.
    """
    try:
        return _promote(store, user_id)
    except DBAPIError as error:
        raise StoreError(f"Postgres: {postgres.described(error)}") from error


def _promote(store: Store, user_id: str) -> int:
    if people.set_role(store, user_id, people.ADMINISTRATOR):
        print(f"{user_id} is an administrator now.")
        return 0
    password = os.environ.get("PASSWORD") or _asked_for(user_id)
    if (fault := passwords.fault(password, user_id)) is not None:
        print(f"admin: {fault}", file=sys.stderr)
        return 1
    people.make(store, user_id, passwords.hashed(password), people.ADMINISTRATOR, take_account=True)
    print(f"{user_id} was created, and is an administrator.")
    return 0


def _asked_for(user_id: str) -> str:
    """The password typed on the terminal. Raises SettingsError if there is no terminal."""
    question = f"A password for the new person {user_id}: "
    try:
        # getpass asks on this terminal. Without one, it would read standard input and show what is typed.
        with open("/dev/tty", "rb"):
            pass
        return getpass.getpass(question)
    except (OSError, EOFError) as error:
        raise SettingsError(
            f"{user_id} is new and needs a password, but there is no terminal to ask for one; run"
            f" make admin USER={user_id} PASSWORD=..."
        ) from error
