"""The schemas of the OpenAPI document: every type of the API by its published name, in a form that generators read."""

from collections.abc import Iterable
from typing import get_args

import msgspec

Schema = dict[str, object]
"""JSON object of the document."""

REF = "#/components/schemas/{name}"


class Schemas:
    """Schemas of types, by the type's id() (types need not be hashable), and the components that they refer to."""

    def __init__(self, types: Iterable[object]):
        kinds = [kind for kind in types if kind is not None and not isinstance(kind, str)]
        made, components = msgspec.json.schema_components(kinds, ref_template=REF)
        self._by_id = {id(kind): _published_schema(schema) for kind, schema in zip(kinds, made, strict=True)}
        self.components = {_published(name): _published_schema(schema) for name, schema in components.items()}
        assert len(self.components) == len(components), "two components have one published name"
        assert not [name for name in self.components if "." in name or "_" in name], "two types have one name"
        for kind in kinds:
            for body in get_args(kind):
                if names := getattr(body, "ONE_OF", ()):
                    self._split(body.__name__, names)

    def of(self, kind: object) -> Schema:
        """Schema of one of the types."""
        return self._by_id[id(kind)]

    def of_parameter(self, kind: object) -> Schema:
        """Schema without null: an optional parameter is left out, never null."""
        schema = self.of(kind)
        alternatives = schema.get("anyOf", [])
        assert isinstance(alternatives, list), "the schema is valid"
        choices = [choice for choice in alternatives if choice != {"type": "null"}]
        return choices[0] if len(choices) == 1 else schema

    def _split(self, name: str, names: tuple[str, ...]) -> None:
        """Replaces an object that has exactly one of some properties by one component for each of them."""
        schema = self.components.get(name)
        if schema is None:
            return  # done for another type
        all_properties, required = schema["properties"], schema["required"]
        assert isinstance(all_properties, dict) and isinstance(required, list), "the schema is that of an object"
        forms: list[Schema] = []
        for chosen in names:
            form = f"{name}By{chosen.capitalize()}"
            properties = {key: value for key, value in all_properties.items() if key == chosen or key not in names}
            self.components[form] = schema | {
                "title": form,
                "properties": properties,
                "required": [*required, chosen],
            }
            forms.append({"$ref": REF.format(name=form)})
        del self.components[name]
        reference = REF.format(name=name)
        self._by_id = {key: _with_choices(found, reference, forms) for key, found in self._by_id.items()}
        self.components = {key: _with_choices(found, reference, forms) for key, found in self.components.items()}


def _published(name: str) -> str:
    """Name of a component in the document: clients know `AccountView` as `Account`."""
    return name.removesuffix("View")


def _published_schema(schema: Schema) -> Schema:
    """The same schema, whose titles and references have the published names, and whose descriptions are one line."""

    def published(key: str, value: object) -> object:
        if isinstance(value, list):
            return [published(key, one) if isinstance(one, list | dict) else one for one in value]
        if isinstance(value, dict):
            return _published_schema(value)
        if key == "description" and isinstance(value, str):
            return " ".join(value.split())
        return _published(value) if key in ("$ref", "title") and isinstance(value, str) else value

    return {key: published(key, value) for key, value in schema.items()}


def _with_choices(schema: Schema, reference: str, forms: list[Schema]) -> Schema:
    """The schema with `forms` in place of a reference among the alternatives of a choice.

    Such a choice has no discriminator: one value of it belongs to several forms.
    """
    changed: Schema = {}
    for key, value in schema.items():
        if isinstance(value, dict):
            changed[key] = _with_choices(value, reference, forms)
        elif key == "anyOf" and isinstance(value, list) and {"$ref": reference} in value:
            place = value.index({"$ref": reference})
            changed[key] = [*value[:place], *forms, *value[place + 1 :]]
        else:
            changed[key] = value
    if "discriminator" in changed and changed.get("anyOf") != schema.get("anyOf"):
        del changed["discriminator"]
    return changed
