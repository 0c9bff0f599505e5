"""Idempotency keys and the commands they are bound to. Each key is kept for ever, with its command's number."""

from collections.abc import Sequence
from typing import NamedTuple

from webapp.store import Store
from webapp.unavailable import ReadOnly, Unavailable

KEY_CHARACTERS_MAX = 200


class KeyReused(Exception):
    """The idempotency key was used before, with another command: 409."""


class Binding(NamedTuple):
    """A key, and the command that its user binds to it."""

    key: str
    command_id: bytes
    body_digest: bytes


class Claim(NamedTuple):
    """Binding of a key. `first`: the key was not used before. `transaction_number`: of the command bound to it."""

    transaction_number: int
    first: bool


def claim(store: Store, user: str, bindings: Sequence[Binding]) -> list[Claim | KeyReused]:
    """Binds each key to a command, or finds the one it is bound to. A key that is bound to another is a KeyReused.

    Raises Unavailable.
    """
    assert all(0 < len(binding.key) <= KEY_CHARACTERS_MAX for binding in bindings), "the API has checked it"
    if not bindings:
        return []
    keys, command_ids, digests = (list(column) for column in zip(*bindings, strict=True))
    try:
        new = dict(map(tuple, store.rows(_BIND, user=user, keys=keys, command_ids=command_ids, digests=digests)))
    except ReadOnly as error:
        new, bound = {}, _bound_without_writing(store, user, keys, error)
    else:
        bound = _bound(store, user, [key for key in keys if key not in new])
    claims: list[Claim | KeyReused] = []
    for key, _, digest in bindings:
        is_first = key in new and key not in bound  # the same key may come twice
        if is_first:
            bound[key] = digest, new[key]
        known_digest, number = bound[key]
        reused = KeyReused(f"the Idempotency-Key {key!r} was used for another command before: use a new key")
        claims.append(Claim(number, is_first) if known_digest == digest else reused)
    return claims


def _bound(store: Store, user: str, keys: list[str]) -> dict[str, tuple[bytes, int]]:
    rows = store.rows(_BOUND, user=user, keys=keys) if keys else ()
    return {row.key: (bytes(row.body_digest), row.transaction_number) for row in rows}


def _bound_without_writing(store: Store, user: str, keys: list[str], error: ReadOnly) -> dict[str, tuple[bytes, int]]:
    """Bindings of keys in a database that takes no writes. Raises Unavailable if one has none.

    A standby may not have an earlier binding yet, so there the error's `perhaps_taken` is None (unknown). Elsewhere it
    is whether another key of the same request has one.
    """
    bound = _bound(store, user, keys)
    if any(key not in bound for key in keys):
        lags = store.only("SELECT pg_is_in_recovery()")[0]
        raise Unavailable(str(error), error.retry_after_seconds, None if lags else bool(bound)) from error
    return bound


def is_bound(store: Store, user: str, command_id: bytes) -> int | None:
    """The transaction number of the command with this id, if one of the user's keys is bound to it."""
    row = store.row(_BY_ID, user=user, command_id=command_id)
    return row.transaction_number if row else None


_BIND = """
    INSERT INTO idempotency_keys (user_id, key, command_id, body_digest, transaction_number, created_at_ms)
    SELECT :user, key, command_id, body_digest, nextval('transaction_numbers'),
           extract(epoch FROM clock_timestamp()) * 1000
    FROM unnest(CAST(:keys AS text[]), CAST(:command_ids AS bytea[]), CAST(:digests AS bytea[]))
        AS given(key, command_id, body_digest)
    ON CONFLICT (user_id, key) DO NOTHING RETURNING key, transaction_number"""

_BOUND = """
    SELECT key, body_digest, transaction_number FROM idempotency_keys
    WHERE user_id = :user AND key = ANY(CAST(:keys AS text[]))"""

_BY_ID = "SELECT transaction_number FROM idempotency_keys WHERE user_id = :user AND command_id = :command_id"
