"""Giving a command for a person: from its name and text arguments to its outcome, at most once per idempotency key.

The one way into the system for pages and API. The user is an argument of its own, from session or token, never one
of the texts. Nothing here knows of HTTP or HTML.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from schema.arguments import is_root_dumplog, make_command
from schema.commands import NOBODY, Command, CommandName
from schema.events import Reply
from schema.filenames import OWN_FOLDERS, dump_path, own_folder
from schema.outcomes import SENTENCES, Outcome, Reason
from webapp import idempotency, ids
from webapp.idempotency import KeyReused
from webapp.reads.commands import command as history_row
from webapp.reads.history import HistoryRow
from webapp.site import Site, site
from webapp.unavailable import Unavailable

__all__ = ["Given", "KeyReused", "Result", "give", "look_up", "run"]

LOOK_SECONDS_FIRST, LOOK_SECONDS_MAX = 0.25, 1.0
"""A reply may be lost: in these intervals the history is asked as well."""

ALL = "all"
"""Second argument of a DUMPLOG of the whole log."""

PENDING = "pending"

SUBMIT_SECONDS_MAX = 3.0
"""A confirm takes 1 ms. Short breaks of the broker are sat out; then the person hears of it."""

HASTY_SECONDS_MAX = 0.5
"""The same for who has no place to wait in: a broker that is slower must not have all of the site's threads."""

_BOUGHT_OR_SOLD = frozenset(
    {
        CommandName.BUY,
        CommandName.COMMIT_BUY,
        CommandName.CANCEL_BUY,
        CommandName.SELL,
        CommandName.COMMIT_SELL,
        CommandName.CANCEL_SELL,
    }
)

# Two requests with one key at the same time: the second must find the first one's submission, not publish its own.
_key_locks = [threading.Lock() for _ in range(64)]


class Result(msgspec.Struct, frozen=True):
    """What became of a command. `status`: done, rejected, or pending (not known yet; ask for it by `command_id`).

    `reason` and `sentence` say why it was rejected, the latter for people. `shares`: of orders. `seq`: of its history
    row. `newest_order`: the `seq` of the newest pending order, where a COMMIT or CANCEL named another one. Transaction
    number and name may be unknown of a pending command that another process took.
    """

    command_id: str
    transaction_number: int | None
    command: CommandName | None
    status: str
    reason: Reason | None = None
    sentence: str | None = None
    symbol: str | None = None
    amount_cents: int | None = None
    price_cents: int | None = None
    shares: int | None = None
    seq: int | None = None
    at_ms: int | None = None
    newest_order: int | None = None

    @property
    def pending(self) -> bool:
        return self.status == PENDING


class Given(NamedTuple):
    """A command's result, and whether its idempotency key had been used before: then nothing was done again."""

    result: Result
    repeated: bool


def run(
    name: CommandName | str,
    arguments: list[str],
    user: str,
    wait_ms: int = 5_000,
    key: str | None = None,
    administrator: bool = False,
    form: tuple[str, ...] | None = None,
) -> Result:
    """The result of `give`: the same for the first request with a key and for each later one."""
    return give(name, arguments, user, wait_ms, key, administrator, form).result


def give(
    name: CommandName | str,
    arguments: list[str],
    user: str,
    wait_ms: int = 5_000,
    key: str | None = None,
    administrator: bool = False,
    form: tuple[str, ...] | None = None,
) -> Given:
    """Publishes a command and waits for its outcome, at most `wait_ms`; then it is pending, and goes on all the same.
    Where no place to wait in is left (`webapp.waiting`), it is pending at once.

    `arguments` are the texts after the user, as a person typed them: BUY has ["ABC", "100.00"], COMMIT_BUY has []. With
    `form`, they are those of this form of the command (`schema.arguments.SITE_SIGNATURES`): ["ABC", "5"] are shares.
    What is wrong with them is the outcome (bad_arguments), not an error. `key`: 1 to 200 printable characters; the
    same key with the same command gives the same command's outcome again and has no second effect. Raises KeyReused,
    Unavailable.

    DUMPLOG: ["file"] writes the user's own log, in the user's own folder; ["file", "all"] the whole log, which only
    an administrator may.
    """
    name = CommandName(name)
    here = site()
    repeated = False
    with here.waiting.place_of(user) as has_place:
        seconds = SUBMIT_SECONDS_MAX if has_place else HASTY_SECONDS_MAX
        if key is None:
            number = here.store.only("SELECT nextval('transaction_numbers')")[0]
            command = _make(here, here.ids.draw(user), number, name, arguments, user, administrator, form)
            submission = here.gateway.begin(command, user, seconds)
        else:
            command_id = ids.of_key(user, key)
            with _alone_with(command_id, seconds):
                claim = idempotency.claim(here.store, user, key, command_id, ids.body_digest(name, arguments, form))
                number = claim.transaction_number
                command = _make(here, command_id, number, name, arguments, user, administrator, form)
                repeated = not claim.first
                if repeated:
                    row = history_row(_owner(command), command_id)
                    if row is not None:
                        return Given(_from_row(row), repeated)
                submission = here.gateway.begin(command, user, seconds, again=repeated)
        here.turns.end()
        here.gateway.confirm(submission, seconds)
        result = _await(here, command, wait_ms) if has_place and wait_ms else _pending(command)
        return Given(result, repeated)


def look_up(command_id: bytes, user: str, administrator: bool = False, wait_ms: int = 0) -> Result | None:
    """What became of a user's command given earlier, at most `wait_ms` from now; None where there never was one.

    Where no place to wait in is left, what is known now.
    """
    here = site()
    submitted = here.gateway.submitted(command_id)
    if submitted is not None and _owner(submitted) in ((user, NOBODY) if administrator else (user,)):
        if not wait_ms:
            return _await(here, submitted, 0)
        here.turns.end()
        with here.waiting.place_of(user) as has_place:
            return _await(here, submitted, wait_ms if has_place else 0)
    row = history_row(user, command_id)
    if row is None and administrator:
        row = history_row(NOBODY, command_id)
    if row is not None:
        return _from_row(row)
    number = idempotency.is_bound(here.store, user, command_id)
    if number is None and not here.ids.is_drawn(command_id, user):
        return None
    return Result(command_id.hex(), number, None, PENDING)


@contextmanager
def _alone_with(command_id: bytes, seconds: float) -> Iterator[None]:
    """While in it, no other request of this process has the same command. Raises Unavailable."""
    lock = _key_locks[command_id[0] % len(_key_locks)]
    if not lock.acquire(timeout=seconds):
        raise Unavailable("another request with this key is being taken")
    try:
        yield
    finally:
        lock.release()


def _make(
    here: Site,
    command_id: bytes,
    number: int,
    name: CommandName,
    arguments: list[str],
    user: str,
    administrator: bool,
    form: tuple[str, ...] | None,
) -> Command:
    if name is not CommandName.DUMPLOG:
        command = make_command(command_id, number, name, [user, *arguments], form)
        return replace(command, allowances=here.settings.allowances)
    if arguments[1:] == [ALL]:
        return _whole_dump(make_command(command_id, number, name, arguments[:1]), user, administrator)
    return _own_dump(make_command(command_id, number, name, [user, *arguments]), user)


def _whole_dump(command: Command, user: str, administrator: bool) -> Command:
    if command.defect is not None:
        return replace(command, user=user)
    assert command.filename is not None, "a DUMPLOG without a defect names its file"
    path = dump_path(command.filename)
    if path is not None and path.startswith(OWN_FOLDERS):
        return replace(command, user=user, defect=Reason.BAD_FILE_NAME)  # its owner could read the log of everybody
    if administrator:
        return command
    # Reasons are given in the order of spec §3. The command is published all the same: it belongs into the log.
    defect = Reason.NOT_ADMINISTRATOR if path else Reason.BAD_FILE_NAME
    return replace(command, user=user, defect=defect)


def _own_dump(command: Command, user: str) -> Command:
    """In a folder of the user's own, that nobody else's dump may take its place. A bad name is left as it is."""
    path = dump_path(command.filename) if command.filename else None
    return replace(command, filename=own_folder(user) + path) if path else command


def _owner(command: Command) -> str:
    return NOBODY if is_root_dumplog(command) else command.key


def _await(here: Site, command: Command, wait_ms: int) -> Result:
    deadline = time.monotonic() + wait_ms / 1000
    patience = 0.05 if is_root_dumplog(command) else LOOK_SECONDS_FIRST  # a whole dump has no reply
    while True:
        left = max(0.0, deadline - time.monotonic())
        reply = here.gateway.wait(command.command_id, min(left, patience))
        if reply is not None:
            return _from_reply(command, reply)
        if (row := _row_if_there(command)) is not None:
            return _from_row(row)
        if time.monotonic() >= deadline:
            return _pending(command)
        patience = min(patience * 2, LOOK_SECONDS_MAX)


def _row_if_there(command: Command) -> HistoryRow | None:
    """None also while the database is away: the command is published, so what to say of it is "pending"."""
    try:
        return history_row(_owner(command), command.command_id)
    except Unavailable:
        return None


def _pending(command: Command) -> Result:
    return Result(command.command_id.hex(), command.transaction_number, command.name, PENDING)


def _from_reply(command: Command, reply: Reply) -> Result:
    return Result(
        command.command_id.hex(),
        command.transaction_number,
        command.name,
        reply.outcome,
        reply.reason,
        SENTENCES[reply.reason] if reply.reason else None,
        reply.symbol,
        reply.amount_cents,
        reply.price_cents,
        _shares(command.name, reply.outcome, reply.amount_cents, reply.price_cents),
        reply.seq,
        reply.at_ms,
        reply.newest_order_seq,
    )


def _from_row(row: HistoryRow) -> Result:
    name = CommandName(row.command)
    return Result(
        row.command_id,
        row.transaction_number,
        name,
        row.outcome,
        Reason(row.reason) if row.reason else None,
        row.sentence,
        row.symbol,
        row.amount_cents,
        row.price_cents,
        _shares(name, row.outcome, row.amount_cents, row.price_cents),
        row.seq,
        row.at_ms,
        row.newest_order_seq,
    )


def _shares(name: CommandName, outcome: str, amount_cents: int | None, price_cents: int | None) -> int | None:
    if name not in _BOUGHT_OR_SOLD or outcome != Outcome.DONE or amount_cents is None or price_cents is None:
        return None
    return amount_cents // price_cents
