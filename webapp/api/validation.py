"""Conversion of a request's values to their declared types. One answer names every field at fault.

`msgspec` stops at the first fault. So a value that it refuses is converted once more, field by field. No HTTP in here.
"""

import types
from collections.abc import Callable, Iterator
from typing import Annotated, Union, cast, get_args, get_origin

import msgspec

from webapp.bounds import bounded


class FieldFault(msgspec.Struct, frozen=True):
    """A faulty field: its path, like `amount` or `commands[3].command.symbol`, and what is wrong with it."""

    field: str
    detail: str


Convert = Callable[[object, object], object]
"""Conversion of a value to a type. Raises msgspec.ValidationError."""


def strictly(value: object, kind: object) -> object:
    """Converts a value from JSON."""
    return msgspec.convert(value, kind)


def from_text(value: object, kind: object) -> object:
    """Converts a text of an address or a header. An optional parameter is left out, never null, so "null" is no None.

    Values of other types are converted before, so only texts and their dict come here.
    """
    converted = bounded(cast("str | dict[str, str]", value), kind)
    if converted is None:
        raise msgspec.ValidationError("cannot be null")
    return converted


def faults(value: object, kind: object, convert: Convert = strictly, path: str = "") -> Iterator[FieldFault]:
    """Faults of a value that `kind` refuses; none if it is right."""
    kind = get_args(kind)[0] if get_origin(kind) is Annotated and _is_nested(get_args(kind)[0]) else kind
    if _is_union_of_structs(kind) and isinstance(value, dict):
        yield from _faults_of_choice(value, kind, convert, path)
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        yield from _faults_of_struct(value, kind, convert, path)
    elif get_origin(kind) is list and isinstance(value, list):
        for number, item in enumerate(value):
            yield from faults(item, get_args(kind)[0], convert, f"{path}[{number}]")
    else:
        try:
            convert(value, kind)
        except msgspec.ValidationError as error:
            yield FieldFault(path, str(error))


def _is_nested(kind: object) -> bool:
    return get_origin(kind) is list or _is_union_of_structs(kind)


def _is_union_of_structs(kind: object) -> bool:
    choices = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else ()
    return bool(choices) and all(isinstance(one, type) and issubclass(one, msgspec.Struct) for one in choices)


def _faults_of_choice(value: dict[str, object], kind: object, convert: Convert, path: str) -> Iterator[FieldFault]:
    choices = {str(one.__struct_config__.tag): one for one in get_args(kind)}
    (tag_field,) = {one.__struct_config__.tag_field for one in choices.values()}
    chosen = choices.get(str(value.get(tag_field)))
    if chosen is None:
        detail = "is unknown" if tag_field in value else "is missing"
        yield FieldFault(_join(path, tag_field), f"{detail}; it is one of {', '.join(choices)}")
    else:
        yield from _faults_of_struct(value, chosen, convert, path)


def _faults_of_struct(
    value: dict[str, object], kind: type[msgspec.Struct], convert: Convert, path: str
) -> Iterator[FieldFault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    found: list[FieldFault] = []
    for name, field in fields.items():
        if name in value:
            found += faults(value[name], field.type, convert, _join(path, name))
        elif field.required:
            found.append(FieldFault(_join(path, name), "is missing"))
    if kind.__struct_config__.forbid_unknown_fields:
        known = {*fields, kind.__struct_config__.tag_field}
        found += [FieldFault(_join(path, name), "is not known here") for name in value if name not in known]
    rules: Callable[[dict[str, object]], Iterator[tuple[str, str]]] | None = getattr(kind, "broken_rules", None)
    if rules is not None:
        faulty = {fault.field for fault in found}
        broken = [FieldFault(_join(path, name), detail) for name, detail in rules(value)]
        found += [fault for fault in broken if fault.field not in faulty]
    yield from found


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
