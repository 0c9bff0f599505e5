"""Submission of a person's command: from name and text arguments to its outcome, at most once per idempotency key.

Pages and API submit every command through here. The user is a field of its own, taken from the session or token, never
from the texts. Nothing here knows of HTTP or HTML.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from msgspec.structs import replace

from schema.arguments import make_command
from schema.commands import NO_USER, Command, CommandName
from schema.filenames import dump_path, own_folder
from schema.outcomes import Reason
from webapp import dump_requests, idempotency, ids
from webapp.awaiting import outcomes, owner_of, rows_of
from webapp.command_results import CommandResult, CommandStatus, from_row, pending
from webapp.gateway import Handover
from webapp.idempotency import Binding, KeyReused
from webapp.reads.commands import command as history_row
from webapp.site import Site, site
from webapp.unavailable import Unavailable

__all__ = [
    "CommandRequest", "CommandResult", "CommandStatus", "KeyReused", "KeyedRequest", "Submitted",
    "give", "give_all", "look_up", "run",
]  # fmt: skip

ALL = "all"
"""Second argument of a DUMPLOG of the whole log."""

SUBMIT_SECONDS_MAX = 3.0
"""Longest wait for a confirm, which usually takes 1 ms. This outlasts short outages of the broker."""

HASTY_SECONDS_MAX = 0.5
"""Longest wait for a confirm without a waiting place: a slow broker must not occupy all of the site's threads."""

OF_ALLOWANCES = (
    Reason.TOO_MANY_TRIGGER_ORDERS,
    Reason.QUOTE_ALLOWANCE_USED_UP,
    Reason.TRIGGER_ALLOWANCE_USED_UP,
)
"""Reasons of spec §3a that Operations counts."""

# Two requests with one key at the same time: the second must find the first one's submission, not publish its own.
_key_locks = [threading.Lock() for _ in range(64)]


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


class KeyedRequest(NamedTuple):
    """A command with its idempotency key, if it has one."""

    request: CommandRequest
    key: str | None = None


def run(request: CommandRequest, wait_ms: int = 5_000, key: str | None = None) -> CommandResult:
    """The result of `give`: the same for the first request with a key and for each later one."""
    return give(request, wait_ms, key).result


def give(request: CommandRequest, wait_ms: int = 5_000, key: str | None = None) -> Submitted:
    """Gives one command, like `give_all`. Raises KeyReused too."""
    (submitted,) = give_all([KeyedRequest(request, key)], wait_ms)
    if isinstance(submitted, KeyReused):
        raise submitted
    return submitted


def give_all(requests: Sequence[KeyedRequest], wait_ms: int = 5_000) -> list[Submitted | KeyReused]:
    """Publishes one person's commands in their order, and waits for their outcomes.

    After `wait_ms`, or at once if no waiting place is free (`webapp.waiting`), results are pending, and the commands go
    on. A bad argument makes the outcome bad_arguments and raises nothing. A key has 1 to 200 printable characters; the
    same key with the same command returns the first one's outcome and has no second effect. A key that was used for
    another command gives a KeyReused, and the other commands go on. Raises TooMany, Unavailable, for all of them.
    """
    (user,) = {request.user for request, _ in requests}
    here = site()
    for request, key in requests:
        if request.name is CommandName.DUMPLOG:
            dump_requests.count(user, ALL if request.arguments[1:] == [ALL] else "own", key)
    with here.waiting.place_of(user) as has_place:
        seconds = SUBMIT_SECONDS_MAX if has_place else HASTY_SECONDS_MAX
        with _alone_with([ids.of_key(user, key) for _, key in requests if key is not None], seconds):
            taken = _take(here, requests, user)
            found = rows_of([one.command for one in taken if isinstance(one, _Taken) and one.repeated])
            new = [one for one in taken if isinstance(one, _Taken) and one.command.command_id not in found]
            handovers = [Handover(one.command, again=one.repeated) for one in new]
            submissions = here.gateway.begin(handovers, user, seconds) if new else []
        here.turns.end()
        here.gateway.confirm(submissions, seconds)
        results = {command_id: from_row(row) for command_id, row in found.items()}
        if has_place and wait_ms:
            results |= outcomes(here.gateway, [one.command for one in new], wait_ms)
        else:
            results |= {one.command.command_id: pending(one.command) for one in new}
        _count_refusals(here, [results[one.command.command_id] for one in new if not one.repeated])
        return [
            one if isinstance(one, KeyReused) else Submitted(results[one.command.command_id], one.repeated)
            for one in taken
        ]


class _Taken(NamedTuple):
    """A command with its id and number. `repeated`: its idempotency key had been used before, for the same command."""

    command: Command
    repeated: bool


def _take(here: Site, requests: Sequence[KeyedRequest], user: str) -> list[_Taken | KeyReused]:
    """Makes the commands, with the ids and numbers to which their keys are bound, or new ones. Raises Unavailable."""
    bindings = [
        Binding(key, ids.of_key(user, key), ids.body_digest(request.name, request.arguments, request.form))
        for request, key in requests
        if key is not None
    ]
    claims = iter(idempotency.claim(here.store, user, bindings))
    count = len(requests) - len(bindings)
    numbers = iter(here.store.rows(_NUMBERS, count=count) if count else ())
    taken: list[_Taken | KeyReused] = []
    for request, key in requests:
        if key is None:
            taken.append(_Taken(_make(here, here.ids.draw(user), next(numbers)[0], request), False))
            continue
        claim = next(claims)
        if isinstance(claim, KeyReused):
            taken.append(claim)
        else:
            command = _make(here, ids.of_key(user, key), claim.transaction_number, request)
            taken.append(_Taken(command, not claim.first))
    return taken


def _count_refusals(here: Site, results: Iterable[CommandResult]) -> None:
    for result in results:
        if result.reason in OF_ALLOWANCES:
            here.refused[result.reason] += 1


def look_up(command_id: bytes, user: str, administrator: bool = False, wait_ms: int = 0) -> CommandResult | None:
    """State of a command that the user submitted earlier, after at most `wait_ms`; None if there never was one.

    If no waiting place is free, it returns at once what is known.
    """
    here = site()
    submitted = here.gateway.submitted(command_id)
    if submitted is not None and owner_of(submitted) in ((user, NO_USER) if administrator else (user,)):
        if not wait_ms:
            return outcomes(here.gateway, [submitted], 0)[command_id]
        here.turns.end()
        with here.waiting.place_of(user) as has_place:
            return outcomes(here.gateway, [submitted], wait_ms if has_place else 0)[command_id]
    row = history_row(user, command_id)
    if row is None and administrator:
        row = history_row(NO_USER, command_id)
    if row is not None:
        return from_row(row)
    number = idempotency.is_bound(here.store, user, command_id)
    if number is None and not here.ids.is_drawn(command_id, user):
        return None
    return CommandResult(command_id.hex(), number, None, CommandStatus.PENDING)


@contextmanager
def _alone_with(command_ids: Iterable[bytes], seconds: float) -> Iterator[None]:
    """Keeps other requests of this process off the same commands meanwhile. Raises Unavailable after `seconds`.

    All requests take the locks in one order, so that no two wait for each other.
    """
    ends_at = time.monotonic() + seconds
    with ExitStack() as held:
        for number in sorted({command_id[0] % len(_key_locks) for command_id in command_ids}):
            if not _key_locks[number].acquire(timeout=max(0.0, ends_at - time.monotonic())):
                raise Unavailable("another request with this key is being processed")
            held.callback(_key_locks[number].release)
        yield


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


_NUMBERS = "SELECT nextval('transaction_numbers') FROM generate_series(1, :count)"
