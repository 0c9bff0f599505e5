"""`python -m webapp.admin NAME`: makes somebody an administrator; a person who is not there yet is made.

The new person's password is asked for, or read from PASSWORD. Existing people keep theirs. Only wiring and questions.
"""

import getpass
import os
import sys

from runtime import entry_point
from schema.commands import is_user
from schema.errors import DayTradeError, SettingsError
from webapp import passwords, people
from webapp.store import Store


def main() -> int:
    """Exit codes: 0 done, 1 not possible now, 2 misused."""
    if len(sys.argv) != 2 or not is_user(sys.argv[1]):
        print("usage: make admin USER=name (1 to 64 of A-Z a-z 0-9 _ . @ -)", file=sys.stderr)
        return 2
    try:
        url = os.environ.get("DATABASE_URL")
        if not url:
            raise SettingsError("DATABASE_URL is not set: run `export $(make env)`")
        store = Store(url, 1)
        try:
            return _promote(store, sys.argv[1])
        finally:
            store.close()
    except DayTradeError as error:
        print(f"admin: {error}", file=sys.stderr)
        return 1


def _promote(store: Store, user_id: str) -> int:
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


if __name__ == "__main__":
    entry_point.run("admin", main)
