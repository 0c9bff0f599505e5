"""Idempotency keys and the commands they are bound to. Each key is kept for ever, with its command's number."""

from dataclasses import dataclass

from database.engines import UntypedRow
from webapp.store import Store
from webapp.unavailable import ReadOnly, Unavailable

KEY_CHARACTERS_MAX = 200


class KeyReused(Exception):
    """The idempotency key was used before, with another command: 409."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Binding of a key. `first`: the key was not used before. `transaction_number`: of the command bound to it."""

    transaction_number: int
    first: bool


def claim(store: Store, user: str, key: str, command_id: bytes, body_digest: bytes) -> Claim:
    """Binds a key to a command, or finds the one it is bound to. Raises KeyReused, Unavailable."""
    assert 0 < len(key) <= KEY_CHARACTERS_MAX, len(key)
    try:
        new = store.row(_BIND, user=user, key=key, command_id=command_id, body_digest=body_digest)
    except ReadOnly as error:
        bound = _bound_without_writing(store, user, key, error)
    else:
        if new is not None:
            return Claim(new.transaction_number, True)
        bound = store.only(_BOUND, user=user, key=key)
    if bytes(bound.body_digest) != body_digest:
        raise KeyReused(f"the Idempotency-Key {key!r} was used for another command before: use a new key")
    return Claim(bound.transaction_number, False)


def _bound_without_writing(store: Store, user: str, key: str, error: ReadOnly) -> UntypedRow:
    """Binding of a key in a database that takes no writes. Raises Unavailable if there is none.

    A standby may not have an earlier binding yet, so there the error's `perhaps_taken` is None (unknown), else False.
    """
    bound = store.row(_BOUND, user=user, key=key)
    if bound is None:
        lags = store.only("SELECT pg_is_in_recovery()")[0]
        raise Unavailable(str(error), error.retry_after_seconds, None if lags else False) from error
    return bound


def is_bound(store: Store, user: str, command_id: bytes) -> int | None:
    """The transaction number of the command with this id, if one of the user's keys is bound to it."""
    row = store.row(_BY_ID, user=user, command_id=command_id)
    return row.transaction_number if row else None


_BIND = """
    INSERT INTO idempotency_keys (user_id, key, command_id, body_digest, transaction_number, created_at_ms)
    VALUES (:user, :key, :command_id, :body_digest, nextval('transaction_numbers'),
            extract(epoch FROM clock_timestamp()) * 1000)
    ON CONFLICT (user_id, key) DO NOTHING RETURNING transaction_number"""

_BOUND = "SELECT body_digest, transaction_number FROM idempotency_keys WHERE user_id = :user AND key = :key"

_BY_ID = "SELECT transaction_number FROM idempotency_keys WHERE user_id = :user AND command_id = :command_id"
