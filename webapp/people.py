"""The SQL of people: making, finding, changing them. No session, no request, no rule about passwords."""

import msgspec

from webapp.store import Store

USER, ADMINISTRATOR = "user", "administrator"


class Person(msgspec.Struct, frozen=True):
    """Somebody who may log in. `user_id` is the user of their commands."""

    user_id: str
    role: str
    created_at_ms: int
    session_epoch: int = 0

    @property
    def administrator(self) -> bool:
        return self.role == ADMINISTRATOR


def make(store: Store, user_id: str, password_hash: str, role: str = USER, take_account: bool = False) -> Person | None:
    """Creates a person; None if the name is taken, by a person or by an account that has no person.

    With `take_account`, such an account becomes theirs. Without it, nobody can sign up to somebody else's money.
    """
    parameters = {"user": user_id, "password_hash": password_hash, "role": role, "take_account": take_account}
    row = store.row(_MAKE, **parameters)
    return Person(*row) if row else None


def find(store: Store, user_id: str) -> tuple[Person, str] | None:
    """A person and their password's hash; None if there is no such person."""
    row = store.row(_FIND, user=user_id)
    return (Person(*row[:-1]), row.password_hash) if row else None


def set_hash(store: Store, user_id: str, password_hash: str) -> None:
    """Stores a new hash of the same password."""
    store.write("UPDATE people SET password_hash = :hash WHERE user_id = :user", user=user_id, hash=password_hash)


def set_password(store: Store, user_id: str, password_hash: str) -> Person:
    """Changes the password, and ends every session and API token of the person."""
    return Person(*store.only(_SET_PASSWORD, user=user_id, password_hash=password_hash))


def set_role(store: Store, user_id: str, role: str) -> None:
    """Changes a person's role, and ends every session and API token of the person.

    Whoever holds a session or token got it with the old role, and must prove anew that they are this person.
    """
    store.write(_SET_ROLE, user=user_id, role=role)


_COLUMNS = "user_id, role::text, created_at_ms, session_epoch"

_MAKE = f"""
    INSERT INTO people (user_id, password_hash, role, created_at_ms)
    SELECT :user, :password_hash, CAST(:role AS person_role), extract(epoch FROM clock_timestamp()) * 1000
    WHERE :take_account OR NOT EXISTS (SELECT FROM accounts WHERE user_id = :user)
    ON CONFLICT DO NOTHING RETURNING {_COLUMNS}"""

_FIND = f"SELECT {_COLUMNS}, password_hash FROM people WHERE user_id = :user"

_SET_ROLE = """
    UPDATE people SET role = CAST(:role AS person_role), session_epoch = session_epoch + 1 WHERE user_id = :user"""

_SET_PASSWORD = f"""
    UPDATE people SET password_hash = :password_hash, session_epoch = session_epoch + 1
    WHERE user_id = :user RETURNING {_COLUMNS}"""
