"""API calls for commands: submitting one, and asking for its outcome."""

import msgspec
from flask import Response, url_for

from schema.commands import CommandName
from webapp import commands
from webapp.accounts import Person
from webapp.api.operation import answered, operation
from webapp.api.problems import ProblemError
from webapp.api.requests import AnyCommand, Keyed, Waiting
from webapp.api.state import Summary, summary_of
from webapp.bounds import HexId
from webapp.unavailable import Unavailable

LOCATION = {"Location": "Address of this command's outcome."}


class CommandAnswer(commands.CommandResult, frozen=True):
    """Outcome of a command. Money is in cents. `summary`: the answer to a DISPLAY_SUMMARY."""

    summary: Summary | None = None


@operation(
    "POST",
    "/commands",
    {200: CommandAnswer, 202: CommandAnswer},
    body=AnyCommand,
    query=Waiting,
    headers=Keyed,
    errors=(409,),
    answer_headers=LOCATION,
)
def give_command(person: Person, body: AnyCommand, query: Waiting, headers: Keyed) -> Response:
    """Give a command: 202 once the broker has confirmed it, or, with `wait`, 200 if its outcome comes in time."""
    try:
        result = commands.run(request_of(body, person), query.wait, headers.key)
    except commands.KeyReused as error:
        raise ProblemError(409, str(error)) from error
    try:
        return _answer(result, 202 if result.pending else 200, person)
    except Unavailable as error:
        raise Unavailable(str(error), error.retry_after_seconds, perhaps_taken=True) from error  # it is published


@operation(
    "GET",
    "/commands/{command_id}",
    {200: CommandAnswer},
    path_parameters={"command_id": HexId},
    query=Waiting,
    answer_headers=LOCATION,
)
def get_command(person: Person, command_id: str, query: Waiting) -> Response:
    """Get the outcome of one of your commands; `wait` sets how long to wait for it."""
    result = commands.look_up(bytes.fromhex(command_id), person.user_id, person.administrator, query.wait)
    if result is None:
        raise ProblemError(404, "you have given no command with this id")
    return _answer(result, 200, person)


def has_summary(result: commands.CommandResult) -> bool:
    """Whether the result is that of a DISPLAY_SUMMARY that is done, and so has a summary."""
    return result.command is CommandName.DISPLAY_SUMMARY and result.status is commands.CommandStatus.DONE


def answer_of(result: commands.CommandResult, summary: Summary | None) -> CommandAnswer:
    """The result as the API gives it."""
    return CommandAnswer(**msgspec.structs.asdict(result), summary=summary)


def request_of(body: AnyCommand, person: Person) -> commands.CommandRequest:
    """The command that a body gives."""
    name = CommandName(str(body.__struct_config__.tag))
    return commands.CommandRequest(name, body.arguments(), person.user_id, person.administrator, body.form())


def _answer(result: commands.CommandResult, status: int, person: Person) -> Response:
    answer = answer_of(result, summary_of(person.user_id) if has_summary(result) else None)
    location = url_for("api.get_command", command_id=result.command_id)
    return answered(answer, status, Location=location)
