"""Passwords: the rules for a new one, and its argon2id hash. Nothing here knows of people, tables or requests."""

import contextlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from schema.errors import DayTradeError

Value = TypeVar("Value")

CHARACTERS_MIN, CHARACTERS_MAX = 8, 200

_hasher = PasswordHasher()
"""Hasher with the library's parameters, which follow RFC 9106; `is_outdated` recognises hashes made with older ones."""

HASHES_AT_ONCE = 2
"""Threads that compute hashes. One hash takes 64 MiB and 50 ms of a core: more at once would use up the memory."""

QUEUED_MAX = 6
"""Maximum requests that wait for a hash: each waits in one of the site's threads, at most 0.2 s on an idle machine."""

NICENESS = 10
"""Niceness of the threads that compute hashes: orders come first when the processors are busy."""

RETRY_AFTER_SECONDS = 2


class HashersBusy(DayTradeError):
    """Too many passwords are being checked at the moment: 429."""


def _step_back() -> None:
    """Lowers this thread's priority, and with it that of argon2's own threads. Linux has a priority per thread."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


_hashers = ThreadPoolExecutor(HASHES_AT_ONCE, "hasher", _step_back)
_places = threading.BoundedSemaphore(HASHES_AT_ONCE + QUEUED_MAX)

_NOBODYS_HASH = (
    f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}${'A' * 22}${'A' * 43}"
)
"""Hash that no password has, and that takes as long to check as anybody's. Computing one would delay each start."""


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
    """Hash of a new password. Raises HashersBusy."""
    return _in_pool(lambda: _hasher.hash(password))


def verify(password_hash: str | None, password: str) -> bool:
    """Whether this is the password. For a person who does not exist (None), saying no takes as long.

    Raises HashersBusy.
    """
    try:
        _in_pool(lambda: _hasher.verify(password_hash or _NOBODYS_HASH, password[: CHARACTERS_MAX + 1]))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def _in_pool(compute: Callable[[], Value]) -> Value:
    if not _places.acquire(blocking=False):
        raise HashersBusy("Many people are logging in at the moment. Nothing was changed. Try again in a moment.")
    try:
        return _hashers.submit(compute).result()
    finally:
        _places.release()


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made with parameters other than the current ones."""
    return _hasher.check_needs_rehash(password_hash)
