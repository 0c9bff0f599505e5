"""The OpenAPI 3.1 document, generated from the declarations of the calls, which also check the requests."""

from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus

import msgspec
from flask import Response

from webapp.api.blueprint import PREFIX, blueprint
from webapp.api.examples import ANSWERS, REQUESTS
from webapp.api.operation import JSON, OPERATIONS, SAFE_METHODS, Operation
from webapp.api.problems import MEDIA_TYPE, Problem
from webapp.api.schemas import Schema, Schemas
from webapp.live_address import API_PATH, live_origin

DESCRIPTION = """\
Day trading on a message queue. Every command is published, confirmed, and executed in order exactly once; its \
outcome is `done` or `rejected` for one reason. Answers give money in whole cents; commands take it as text. Errors \
are RFC 9457 problem details."""

TAGS = {
    "Commands": ("Give a command and get its outcome.", ("commands",)),
    "Account": (
        "Your money, shares and orders.",
        ("account", "portfolio", "positions", "profit", "orders", "triggers", "summary"),
    ),
    "Prices": ("Prices that were paid for.", ("quotes", "prices", "watchlist")),
    "History": ("What happened to your account.", ("history", "history.csv", "history.json", "dumps", "stream")),
    "Access": ("Your tokens and allowances.", ("tokens", "allowances")),
    "Operations": ("The state of the system, for administrators.", ("operations",)),
}
"""Tags with their descriptions, and the first parts of the paths of their calls."""

RATE_HEADERS = {
    "X-RateLimit-Limit": "Calls that you may make in a minute. Absent if calls are not limited.",
    "X-RateLimit-Remaining": "Calls that are left of them.",
}
"""Headers of every answer that took part in the counting of calls."""

HEADERS_OF_STATUS = {
    401: {"WWW-Authenticate": "Bearer"},
    429: {"Retry-After": "Seconds until the limit ends."},
    503: {"Retry-After": "Seconds after which to try again."},
}


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """This OpenAPI document."""
    return Response(_encoded(live_origin()), mimetype=JSON)


def document(streams_at: str = "") -> Schema:
    """The OpenAPI 3.1 document as JSON values. `streams_at`: origin of the stream of events, if it has its own."""
    schemas = Schemas(_types())
    paths: dict[str, dict[str, Schema]] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    if streams_at:
        paths[API_PATH]["get"]["servers"] = [{"url": streams_at, "description": "The live updates."}]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Day Trade", "version": "1.0.0", "description": DESCRIPTION},
        "servers": [{"url": "/", "description": "The site that serves this document."}],
        "tags": [{"name": name, "description": description} for name, (description, _) in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def tag_of(operation: Operation) -> str:
    """The tag of a call, by the first part of its path."""
    first = operation.path.split("/")[1]
    return next(name for name, (_, parts) in TAGS.items() if first in parts)


@lru_cache(maxsize=16)  # the site answers under few host names
def _encoded(streams_at: str) -> bytes:
    return msgspec.json.encode(document(streams_at))


def _types() -> list[object]:
    types: list[object] = [Problem]
    for operation in OPERATIONS:
        types += [operation.body, *operation.path_parameters.values(), *operation.answers.values()]
        for struct in (operation.query, operation.headers):
            types += [f.type for f in msgspec.structs.fields(struct)] if struct else []
    return types


def _described(operation: Operation, schemas: Schemas) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "tags": [tag_of(operation)],
        "summary": operation.summary,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": schemas.of(kind)}
                for name, kind in operation.path_parameters.items()
            ),
            *_parameters(operation.query, "query", schemas),
            *_parameters(operation.headers, "header", schemas),
        ],
        "responses": {
            **{str(status): _answer(operation, status, kind, schemas) for status, kind in operation.answers.items()},
            **{str(status): _problem(status, schemas) for status in _statuses(operation)},
        },
    }
    if operation.body is not None:
        examples = {name: {"value": example} for name, example in REQUESTS.get(operation.name, {}).items()}
        content = {"schema": schemas.of(operation.body)} | ({"examples": examples} if examples else {})
        described["requestBody"] = {"required": True, "content": {JSON: content}}
    if not operation.open_to_all:
        described["security"] = [{"token": []}]
    return described


def _parameters(struct: type[msgspec.Struct] | None, place: str, schemas: Schemas) -> list[Schema]:
    return [
        {"name": f.encode_name, "in": place, "required": f.required, "schema": schemas.of_parameter(f.type)}
        for f in (msgspec.structs.fields(struct) if struct else ())
    ]


def _statuses(operation: Operation) -> list[int]:
    statuses = {429, 500, 503, *operation.errors}
    if not operation.open_to_all:
        statuses |= {401} | ({403} if operation.method not in SAFE_METHODS else set())
    if operation.path_parameters:
        statuses.add(404)
    if operation.query or operation.headers or operation.body:
        statuses.add(422)
    if operation.body:
        statuses |= {400, 413, 415}
    return sorted(statuses)


def _answer(operation: Operation, status: int, kind: object, schemas: Schemas) -> Schema:
    described: Schema = {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(RATE_HEADERS, False) | _headers(operation.answer_headers, True),
    }
    if isinstance(kind, str):
        described["content"] = {kind: {"schema": {"type": "string"}}}
    elif kind is not None:
        example = ANSWERS.get((operation.name, status))
        content = {"schema": schemas.of(kind)} | ({"example": example} if example else {})
        described["content"] = {JSON: content}
    return described


def _problem(status: int, schemas: Schemas) -> Schema:
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(RATE_HEADERS, False) | _headers(HEADERS_OF_STATUS.get(status, {}), True),
        "content": {MEDIA_TYPE: {"schema": schemas.of(Problem)}},
    }


def _headers(names: Mapping[str, str], required: bool) -> Schema:
    return {
        name: {"description": text, "required": required, "schema": {"type": "string"}} for name, text in names.items()
    }
