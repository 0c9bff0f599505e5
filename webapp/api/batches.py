"""API call for many commands at once: each has its own idempotency key and its own outcome."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta

from webapp import commands
from webapp.accounts import Person, client, clients_rate
from webapp.api.commands import CommandAnswer, answer_of, has_summary, request_of
from webapp.api.operation import answered, operation
from webapp.api.problems import Problem
from webapp.api.requests import AnyCommand, Key, Waiting
from webapp.api.state import summary_of
from webapp.limits import charge
from webapp.unavailable import Unavailable

COMMANDS_MAX = 100


class BatchItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A command of a batch, with its idempotency key."""

    command: AnyCommand
    key: Key | None = None


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Commands that are published in this order."""

    commands: Annotated[list[BatchItem], Meta(min_length=1, max_length=COMMANDS_MAX)]


class BatchItemAnswer(msgspec.Struct, frozen=True):
    """Answer to one command. `status` is that of a single call: 200 with an outcome, 202 pending, or 409."""

    status: int
    outcome: CommandAnswer | None = None
    problem: Problem | None = None


class BatchAnswer(msgspec.Struct, frozen=True):
    """Answers to the commands of a batch, in their order."""

    answers: list[BatchItemAnswer]


@operation("POST", "/commands/batch", {200: BatchAnswer, 202: BatchAnswer}, body=BatchRequest, query=Waiting)
def give_batch(person: Person, body: BatchRequest, query: Waiting) -> Response:
    """Give up to 100 commands at once, all or none of them: 202 if an outcome is not known yet, else 200."""
    charge(len(body.commands) - 1, client(), clients_rate())
    requests = [commands.KeyedRequest(request_of(item.command, person), item.key) for item in body.commands]
    given = commands.give_all(requests, query.wait)
    try:
        answers = _answers(given, person)
    except Unavailable as error:
        raise Unavailable(str(error), error.retry_after_seconds, perhaps_taken=True) from error  # they are published
    return answered(BatchAnswer(answers), 202 if any(answer.status == 202 for answer in answers) else 200)


def _answers(given: list[commands.Submitted | commands.KeyReused], person: Person) -> list[BatchItemAnswer]:
    results = [one.result for one in given if isinstance(one, commands.Submitted)]
    summary = summary_of(person.user_id) if any(map(has_summary, results)) else None
    answers = []
    for one in given:
        if isinstance(one, commands.KeyReused):
            problem = Problem(HTTPStatus.CONFLICT.phrase, HTTPStatus.CONFLICT, str(one))
            answers.append(BatchItemAnswer(HTTPStatus.CONFLICT, problem=problem))
        else:
            outcome = answer_of(one.result, summary if has_summary(one.result) else None)
            answers.append(BatchItemAnswer(202 if outcome.pending else 200, outcome))
    return answers
