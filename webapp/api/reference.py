"""The page that describes the API to people, `/api/v1/docs`, drawn from the OpenAPI document. It has no script."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from flask import render_template

from webapp.api.blueprint import blueprint
from webapp.api.openapi import TAGS, document
from webapp.api.operation import OPERATIONS
from webapp.api.schemas import Schema
from webapp.live_address import live_origin

REF = "#/components/schemas/"


class DescribedCall(NamedTuple):
    """A call as the page shows it. `examples`: bodies by name."""

    method: str
    path: str
    described: Schema
    examples: dict[str, str]


@blueprint.get("/docs")
def show_reference() -> str:
    """A page that describes all calls."""
    whole = document(live_origin())
    by_tag: dict[str, list[DescribedCall]] = {name: [] for name in TAGS}
    for call in _calls(whole):
        tags = call.described["tags"]
        assert isinstance(tags, list), "the document is valid"
        by_tag[tags[0]].append(call)
    return render_template("api.html", document=whole, calls=by_tag, tags=TAGS, type_of=type_of, name_of=name_of)


def type_of(schema: Schema) -> str:
    """Type of a value in words, such as "integer or null", "list of Account", or the names of an enumeration."""
    for word in ("anyOf", "oneOf"):
        choices = schema.get(word)
        if isinstance(choices, list):
            return " or ".join(dict.fromkeys(map(type_of, choices)))
    if (name := name_of(schema)) and "items" not in schema:
        return name
    values = schema.get("enum")
    if isinstance(values, list):
        return " · ".join(map(str, values))
    items = schema.get("items")
    if isinstance(items, dict):
        return f"list of {type_of(items)}"
    return str(schema.get("type", "any"))


def name_of(schema: Schema) -> str:
    """Name of the component that a schema refers to, directly or as items of a list; "" if it refers to none."""
    items = schema.get("items")
    return str(schema.get("$ref", "")).removeprefix(REF) or (name_of(items) if isinstance(items, dict) else "")


def _calls(whole: Schema) -> Iterator[DescribedCall]:
    paths = whole["paths"]
    assert isinstance(paths, dict), "the document is valid"
    for operation in OPERATIONS:
        path = next(path for path in paths if path.endswith(f"/v1{operation.path}"))
        described = paths[path][operation.method.lower()]
        body = described.get("requestBody", {}).get("content", {}).get("application/json", {})
        examples = {name: json.dumps(example["value"]) for name, example in body.get("examples", {}).items()}
        yield DescribedCall(operation.method, path, described, examples)
