"""Submission of a person's command: from name and text arguments to its outcome, at most once per idempotency key.

Pages and API submit every command through here. The user is a field of its own, taken from the session or token, never
from the texts. Nothing here knows of HTTP or HTML.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from schema.arguments import is_root_dumplog, make_command
from schema.commands import NO_USER, Command, CommandName
from schema.events import Reply
from schema.filenames import dump_path, own_folder
from schema.outcomes import SENTENCES, Outcome, Reason
from webapp import dump_requests, idempotency, ids
from webapp.idempotency import KeyReused
from webapp.reads.commands import command as history_row
from webapp.reads.history import HistoryRowView
from webapp.site import Site, site
from webapp.unavailable import Unavailable

__all__ = ["CommandRequest", "CommandResult", "KeyReused", "Submitted", "give", "look_up", "run"]

LOOK_SECONDS_FIRST, LOOK_SECONDS_MAX = 0.25, 1.0
"""First and longest interval between reads of the history, which has the outcome if the reply was lost."""

ALL = "all"
"""Second argument of a DUMPLOG of the whole log."""

PENDING = "pending"

SUBMIT_SECONDS_MAX = 3.0
"""Longest wait for a confirm, which usually takes 1 ms. This outlasts short outages of the broker."""

HASTY_SECONDS_MAX = 0.5
"""Longest wait for a confirm without a waiting place: a slow broker must not occupy all of the site's threads."""

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

OF_ALLOWANCES = (
    Reason.TOO_MANY_TRIGGER_ORDERS,
    Reason.QUOTE_ALLOWANCE_USED_UP,
    Reason.TRIGGER_ALLOWANCE_USED_UP,
)
"""Reasons of spec §3a that Operations counts."""

# Two requests with one key at the same time: the second must find the first one's submission, not publish its own.
_key_locks = [threading.Lock() for _ in range(64)]


class CommandResult(msgspec.Struct, frozen=True):
    """State of a command. `status`: done, rejected, or pending (not known yet; ask for it by `command_id`).

    `reason` and `sentence` (for people) say why it was rejected. `shares`: of a BUY, a SELL, their COMMIT and CANCEL.
    `seq`: of its history row. `newest_order`: `seq` of the newest pending order, if a COMMIT or CANCEL named another
    one. Transaction number and name may be unknown for a pending command that another process submitted.
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


class Submitted(NamedTuple):
    """A command's result, and whether its idempotency key had been used before: then nothing was done again."""

    result: CommandResult
    repeated: bool


class CommandRequest(NamedTuple):
    """A command as a person gives it. `user`, `administrator`: from the session or token, never from the texts.

    `arguments`: the texts after the user, as the person typed them: BUY has ["ABC", "100.00"], COMMIT_BUY has []. With
    `form`, they follow that form of the command (`schema.arguments.SITE_SIGNATURES`): ["ABC", "5"] then means 5 shares.

    DUMPLOG: ["file"] writes the user's own log, in the user's own folder; ["file", "all"] the whole log, which only
    an administrator may.
    """

    name: CommandName
    arguments: list[str]
    user: str
    administrator: bool = False
    form: tuple[str, ...] | None = None


def run(request: CommandRequest, wait_ms: int = 5_000, key: str | None = None) -> CommandResult:
    """The result of `give`: the same for the first request with a key and for each later one."""
    return give(request, wait_ms, key).result


def give(request: CommandRequest, wait_ms: int = 5_000, key: str | None = None) -> Submitted:
    """Publishes a command and waits for its outcome; after `wait_ms` the result is pending, and the command goes on.
    If no waiting place is free (`webapp.waiting`), the result is pending at once.

    A bad argument makes the outcome bad_arguments and raises nothing. `key`: 1 to 200 printable characters; the same
    key with the same command returns the first one's outcome and has no second effect. Raises KeyReused, TooMany,
    Unavailable.
    """
    user = request.user
    here = site()
    repeated = False
    if request.name is CommandName.DUMPLOG:
        dump_requests.count(user, ALL if request.arguments[1:] == [ALL] else "own", key)
    with here.waiting.place_of(user) as has_place:
        seconds = SUBMIT_SECONDS_MAX if has_place else HASTY_SECONDS_MAX
        if key is None:
            number = here.store.only("SELECT nextval('transaction_numbers')")[0]
            command = _make(here, here.ids.draw(user), number, request)
            submission = here.gateway.begin(command, user, seconds)
        else:
            command_id = ids.of_key(user, key)
            with _alone_with(command_id, seconds):
                digest = ids.body_digest(request.name, request.arguments, request.form)
                claim = idempotency.claim(here.store, user, key, command_id, digest)
                number = claim.transaction_number
                command = _make(here, command_id, number, request)
                repeated = not claim.first
                if repeated:
                    row = history_row(_owner(command), command_id)
                    if row is not None:
                        return Submitted(_from_row(row), repeated)
                submission = here.gateway.begin(command, user, seconds, again=repeated)
        here.turns.end()
        here.gateway.confirm(submission, seconds)
        result = _await(here, command, wait_ms) if has_place and wait_ms else _pending(command)
        if result.reason in OF_ALLOWANCES and not repeated:
            here.refused[result.reason] += 1
        return Submitted(result, repeated)


def look_up(command_id: bytes, user: str, administrator: bool = False, wait_ms: int = 0) -> CommandResult | None:
    """State of a command that the user submitted earlier, after at most `wait_ms`; None if there never was one.

    If no waiting place is free, it returns at once what is known.
    """
    here = site()
    submitted = here.gateway.submitted(command_id)
    if submitted is not None and _owner(submitted) in ((user, NO_USER) if administrator else (user,)):
        if not wait_ms:
            return _await(here, submitted, 0)
        here.turns.end()
        with here.waiting.place_of(user) as has_place:
            return _await(here, submitted, wait_ms if has_place else 0)
    row = history_row(user, command_id)
    if row is None and administrator:
        row = history_row(NO_USER, command_id)
    if row is not None:
        return _from_row(row)
    number = idempotency.is_bound(here.store, user, command_id)
    if number is None and not here.ids.is_drawn(command_id, user):
        return None
    return CommandResult(command_id.hex(), number, None, PENDING)


@contextmanager
def _alone_with(command_id: bytes, seconds: float) -> Iterator[None]:
    """Keeps other requests of this process off the same command meanwhile. Raises Unavailable after `seconds`."""
    lock = _key_locks[command_id[0] % len(_key_locks)]
    if not lock.acquire(timeout=seconds):
        raise Unavailable("another request with this key is being processed")
    try:
        yield
    finally:
        lock.release()


def _make(here: Site, command_id: bytes, number: int, request: CommandRequest) -> Command:
    name, arguments, user, administrator, form = request
    assert isinstance(name, CommandName), name  # a text would be compared below by identity
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
    if path is not None and administrator:
        return command
    # Reasons are given in the order of spec §3. The command is published all the same: it belongs in the log.
    defect = Reason.NOT_ADMINISTRATOR if path else Reason.BAD_FILE_NAME
    return replace(command, user=user, defect=defect)


def _own_dump(command: Command, user: str) -> Command:
    """Moves the file to the user's own folder, where nobody else's dump can replace it. Leaves a bad name as it is."""
    path = dump_path(command.filename) if command.filename else None
    return replace(command, filename=own_folder(user) + path) if path else command


def _owner(command: Command) -> str:
    return NO_USER if is_root_dumplog(command) else command.key


def _await(here: Site, command: Command, wait_ms: int) -> CommandResult:
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


def _row_if_there(command: Command) -> HistoryRowView | None:
    """The command's history row. None also while the database is unreachable: a published command is then pending."""
    try:
        return history_row(_owner(command), command.command_id)
    except Unavailable:
        return None


def _pending(command: Command) -> CommandResult:
    return CommandResult(command.command_id.hex(), command.transaction_number, command.name, PENDING)


def _from_reply(command: Command, reply: Reply) -> CommandResult:
    return CommandResult(
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


def _from_row(row: HistoryRowView) -> CommandResult:
    name = CommandName(row.command)
    return CommandResult(
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
