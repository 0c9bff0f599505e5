"""Declaration of an API call: its address, parameters and answers, checked here and described in the OpenAPI document.

A view gets the parts of the request as values of the declared types, and returns a value of a declared type. This
module knows no particular call.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import TypedDict, Unpack

import msgspec
from flask import Response, request
from flask_wtf.csrf import validate_csrf
from wtforms.validators import ValidationError

from webapp.accounts import Person, bearer_token, current_user, reads_only
from webapp.api.blueprint import blueprint
from webapp.api.problems import ProblemError, faulty
from webapp.api.validation import Convert, FieldFault, faults, from_text, strictly
from webapp.bounds import bounded

JSON = "application/json"
SAFE_METHODS = ("GET",)


@dataclass(frozen=True)
class Operation:
    """A declared API call. `answers`: type of the body by status; None for no body; a str is a media type
    other than JSON.

    `errors`: its error statuses, besides those that any call with these parts may give. `path_parameters`:
    their types by name.
    """

    method: str
    path: str
    name: str
    summary: str
    answers: Mapping[int, object]
    body: object = None
    query: type[msgspec.Struct] | None = None
    headers: type[msgspec.Struct] | None = None
    path_parameters: Mapping[str, object] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    answer_headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of its answers, besides those of every call, and what each says."""
    open_to_all: bool = False
    limit: Callable[[Callable[..., Response]], Callable[..., Response]] | None = None
    """Rate limit of this call, in addition to the API's own."""


OPERATIONS: list[Operation] = []


class Parts(TypedDict, total=False):
    """The fields of an Operation that have a default."""

    body: object
    query: type[msgspec.Struct]
    headers: type[msgspec.Struct]
    path_parameters: Mapping[str, object]
    errors: tuple[int, ...]
    answer_headers: Mapping[str, str]
    open_to_all: bool
    limit: Callable[[Callable[..., Response]], Callable[..., Response]]


def operation(
    method: str, path: str, answers: Mapping[int, object], **parts: Unpack[Parts]
) -> Callable[[Callable[..., object]], Callable[..., Response]]:
    """Registers a view as a call of the API. `path` is written as in OpenAPI: /quotes/{symbol}.

    The view is called with `person` (unless the call is open to all), with the path's parameters, and with `body`,
    `query` and `headers` if they are declared.
    """

    def register(view: Callable[..., object]) -> Callable[..., Response]:
        assert view.__doc__ is not None, "the API's description shows the first line of it"
        declared = Operation(method, path, view.__name__, view.__doc__.strip().splitlines()[0], answers, **parts)
        OPERATIONS.append(declared)
        address = re.sub(r"\{(\w+)\}", r"<\1>", path)

        @wraps(view)
        def call(**path_values: str) -> Response:
            given: dict[str, object] = {} if declared.open_to_all else {"person": authenticated(method)}
            given |= {name: _path_value(text, declared.path_parameters[name]) for name, text in path_values.items()}
            if declared.query is not None:
                given["query"] = _query(declared.query)
            if declared.headers is not None:
                given["headers"] = _converted(_header_values(declared.headers), declared.headers)
            if declared.body is not None:
                given["body"] = _body(declared.body)
            answer = view(**given)
            return answer if isinstance(answer, Response) else answered(answer)

        view_function = declared.limit(call) if declared.limit else call
        blueprint.add_url_rule(address, endpoint=view.__name__, view_func=view_function, methods=[method])
        return call

    return register


def answered(value: object, status: int = 200, **headers: str) -> Response:
    """Response with a value as JSON."""
    return Response(msgspec.json.encode(value), status, headers, mimetype=JSON)


def authenticated(method: str) -> Person:
    """The person behind the call, by API token or session.

    All calls but GET need a token with the scope trade, or a session and the page's CSRF token.
    """
    person = current_user()
    if person is None:
        raise ProblemError(
            401, "no valid token: send one in the header Authorization: Bearer …", WWW_Authenticate="Bearer"
        )
    if method in SAFE_METHODS:
        return person
    if reads_only():
        raise ProblemError(403, "this token may only read: create one with the scope trade")
    if bearer_token() is None:
        try:
            validate_csrf(request.headers.get("X-CSRFToken"))
        except ValidationError as error:
            raise ProblemError(
                403, "a call with a session cookie needs the page's CSRF token in the header X-CSRFToken"
            ) from error
    return person


def _body(body_type: object) -> object:
    if request.mimetype != JSON:
        raise ProblemError(415, f"the body must be {JSON}")
    try:
        return msgspec.json.decode(request.get_data(), type=body_type)
    except msgspec.ValidationError as error:
        raise _refusal(msgspec.json.decode(request.get_data()), body_type, strictly, error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, f"the body is not JSON: {error}") from error


def _path_value(text: str, kind: object) -> object:
    try:
        return bounded(text, kind)
    except msgspec.ValidationError as error:
        raise ProblemError(404, "there is nothing at this address") from error


def _query(kind: type[msgspec.Struct]) -> object:
    names = {part.encode_name for part in msgspec.structs.fields(kind)}
    repeated = [name for name, values in request.args.lists() if name in names and len(values) > 1]
    if repeated:  # to take one of them would ignore the other in silence
        raise faulty([FieldFault(name, "is given more than once") for name in repeated])
    return _converted(request.args.to_dict(), kind)


def _converted(values: dict[str, str], kind: type[msgspec.Struct]) -> object:
    try:
        converted = bounded(values, kind)
    except msgspec.ValidationError as error:
        raise _refusal(values, kind, from_text, error) from error
    for part in msgspec.structs.fields(kind):
        # An optional parameter is left out, never null: msgspec would take the text "null" for None.
        if part.encode_name in values and getattr(converted, part.name) is None:
            raise faulty([*faults(values, kind, from_text)])
    return converted


def _refusal(value: object, kind: object, convert: Convert, error: msgspec.ValidationError) -> ProblemError:
    """The problem that names all faulty fields. `error`: the first fault, for what no single field explains."""
    found = [*faults(value, kind, convert)]
    return faulty(found) if found else ProblemError(422, str(error))


def _header_values(kind: type[msgspec.Struct]) -> dict[str, str]:
    names = msgspec.structs.fields(kind)
    return {
        name.encode_name: request.headers[name.encode_name] for name in names if name.encode_name in request.headers
    }
