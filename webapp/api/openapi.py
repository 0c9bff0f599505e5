"""The OpenAPI 3.1 document, generated from the declarations of the calls, which also check the requests."""

from functools import cache
from http import HTTPStatus
from typing import get_args

import msgspec
from flask import Response

from webapp.api.blueprint import PREFIX, blueprint
from webapp.api.operation import JSON, OPERATIONS, SAFE_METHODS, Operation
from webapp.api.problems import MEDIA_TYPE, Problem

Schema = dict[str, object]
"""JSON object of the document."""

REF = "#/components/schemas/{name}"

DESCRIPTION = """\
Day trading on a message queue. Every command is published, confirmed, and executed in order exactly once; its \
outcome is `done` or `rejected` for one reason. Answers give money in whole cents; commands take it as text. Errors \
are RFC 9457 problem details."""


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """This OpenAPI document."""
    return Response(_encoded(), mimetype=JSON)


@cache
def document() -> Schema:
    """The OpenAPI 3.1 document as JSON values."""
    schemas, components = _schemas()
    paths: dict[str, Schema] = {}
    for operation in OPERATIONS:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Day Trade", "version": "1.0.0", "description": DESCRIPTION},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


@cache
def _encoded() -> bytes:
    return msgspec.json.encode(document())


def _schemas() -> tuple[dict[int, Schema], dict[str, Schema]]:
    """Schemas by the id() of their type (types need not be hashable), and the components that they refer to."""
    types: list[object] = [Problem]
    for operation in OPERATIONS:
        types += [operation.body, *operation.path_parameters.values(), *operation.answers.values()]
        for struct in (operation.query, operation.headers):
            types += [f.type for f in msgspec.structs.fields(struct)] if struct else []
    types = [kind for kind in types if kind is not None and not isinstance(kind, str)]
    made, components = msgspec.json.schema_components(types, ref_template=REF)
    for body in (kind for operation in OPERATIONS for kind in get_args(operation.body)):
        if names := getattr(body, "ONE_OF", ()):
            components[body.__name__] = _with_one_of(names, components[body.__name__])
    published = {_published(name): _with_published_names(schema) for name, schema in components.items()}
    assert len(published) == len(components), "two components have one published name"
    return {id(kind): _with_published_names(schema) for kind, schema in zip(types, made, strict=True)}, published


def _published(name: str) -> str:
    """Name of a component in the document: clients know `AccountView` as `Account`."""
    return name.removesuffix("View")


def _with_published_names(schema: Schema) -> Schema:
    """The same schema, whose titles and references have the published names."""

    def published(key: str, value: object) -> object:
        if isinstance(value, list):
            return [published(key, one) if isinstance(one, list | dict) else one for one in value]
        if isinstance(value, dict):
            return _with_published_names(value)
        return _published(value) if key in ("$ref", "title") and isinstance(value, str) else value

    return {key: published(key, value) for key, value in schema.items()}


def _with_one_of(names: tuple[str, ...], schema: Schema) -> Schema:
    """Schema of an object that has exactly one of these properties, as one alternative for each."""
    forms = []
    all_properties, required = schema["properties"], schema["required"]
    assert isinstance(all_properties, dict) and isinstance(required, list), "the schema is that of an object"
    for name in names:
        properties = {key: value for key, value in all_properties.items() if key == name or key not in names}
        forms.append(schema | {"properties": properties, "required": [*required, name]})
    return {"oneOf": forms}


def _described(operation: Operation, schemas: dict[int, Schema]) -> Schema:
    described: Schema = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": schemas[id(kind)]}
                for name, kind in operation.path_parameters.items()
            ),
            *_parameters(operation.query, "query", schemas),
            *_parameters(operation.headers, "header", schemas),
        ],
        "responses": {
            **{str(status): _answer(status, kind, schemas) for status, kind in operation.answers.items()},
            **{str(status): _problem(status, schemas) for status in _statuses(operation)},
        },
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": schemas[id(operation.body)]}}}
    if not operation.open_to_all:
        described["security"] = [{"token": []}]
    return described


def _parameters(struct: type[msgspec.Struct] | None, place: str, schemas: dict[int, Schema]) -> list[Schema]:
    return [
        {"name": f.encode_name, "in": place, "required": f.required, "schema": _not_null(schemas[id(f.type)])}
        for f in (msgspec.structs.fields(struct) if struct else ())
    ]


def _not_null(schema: Schema) -> Schema:
    """Schema without null: an optional parameter is left out, never null."""
    alternatives = schema.get("anyOf", [])
    assert isinstance(alternatives, list), "the schema is valid"
    choices = [choice for choice in alternatives if choice != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema


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


def _answer(status: int, kind: object, schemas: dict[int, Schema]) -> Schema:
    described: Schema = {"description": HTTPStatus(status).phrase}
    if isinstance(kind, str):
        described["content"] = {kind: {"schema": {"type": "string"}}}
    elif kind is not None:
        described["content"] = {JSON: {"schema": schemas[id(kind)]}}
    return described


def _problem(status: int, schemas: dict[int, Schema]) -> Schema:
    return {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schemas[id(Problem)]}}}
