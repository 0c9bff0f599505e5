"""Makes somebody an administrator of the site; a person who is not there yet is made.

The new person's password is asked for, or read from PASSWORD. Existing people keep theirs. Only questions.
"""

import getpass
import os
import sys

from schema.errors import SettingsError
from webapp import passwords, people
from webapp.store import Store


def promote(store: Store, user_id: str) -> int:
    """Returns the exit code: 0 done, 1 the password is refused. Raises StoreError; SettingsError without a password."""
    if people.set_role(store, user_id, people.ADMINISTRATOR):
        print(f"{user_id} is an administrator now.")
        return 0
    password = os.environ.get("PASSWORD") or _asked_for(user_id)
    if (fault := passwords.fault(password, user_id)) is not None:
        print(f"admin: {fault}", file=sys.stderr)
        return 1
    people.make(store, user_id, passwords.hashed(password), people.ADMINISTRATOR, take_account=True)
    print(f"{user_id} was made, and is an administrator.")
    return 0


def _asked_for(user_id: str) -> str:
    """Raises SettingsError where there is nobody to ask."""
    question = f"A password for the new person {user_id}: "
    try:
        with open("/dev/tty", "rb"):  # where getpass asks; without one it would read, and show, standard input
            pass
        return getpass.getpass(question)
    except (OSError, EOFError) as error:
        raise SettingsError(
            f"{user_id} is new and needs a password, and there is no terminal to ask for it:"
            f" make admin USER={user_id} PASSWORD=..."
        ) from error
