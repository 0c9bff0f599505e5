"""Passwords: the rules for a new one, and its argon2id hash. Nothing here knows of people, tables or requests."""

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

CHARACTERS_MIN, CHARACTERS_MAX = 8, 200

_hasher = PasswordHasher()
"""Hasher with the library's parameters, which follow RFC 9106; `is_outdated` recognises hashes made with older ones."""

# One hash takes 64 MiB and most of a core for 50 ms: more at once would slow everybody down and use up the memory.
_places = threading.BoundedSemaphore(2)

_NOBODYS_HASH = _hasher.hash("a password that nobody has")


def fault(password: str, user_id: str) -> str | None:
    """Fault of a new password, as a sentence; None if it has none."""
    if any("\ud800" <= character <= "\udfff" for character in password):  # from a shell or a terminal, never a form
        return "The password must be text in UTF-8."
    if len(password) < CHARACTERS_MIN:
        return f"The password must have at least {CHARACTERS_MIN} characters."
    if len(password) > CHARACTERS_MAX:
        return f"The password must have at most {CHARACTERS_MAX} characters."
    if password.lower() == user_id.lower():
        return "The password must differ from the name."
    if len(set(password)) < 3:
        return "The password must have more than two different characters."
    if password.lower() in _guessed_first():
        return "This password is among those that everybody guesses first. Choose another one."
    return None


@cache
def _guessed_first() -> frozenset[str]:
    """The commonest passwords, words and names, in lower case: zxcvbn's lists, 94,000 entries.

    All of its lists count, because it removes from the list of passwords what another list has too (`jennifer`).
    """
    return frozenset(text for texts in FREQUENCY_LISTS.values() for text in texts if len(text) >= CHARACTERS_MIN)


def hashed(password: str) -> str:
    with _places:
        return _hasher.hash(password)


def verify(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. For a person who does not exist (None), saying no takes as long."""
    try:
        with _places:
            _hasher.verify(password_hash or _NOBODYS_HASH, password[: CHARACTERS_MAX + 1])
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with parameters other than the current ones."""
    return _hasher.check_needs_rehash(password_hash)
