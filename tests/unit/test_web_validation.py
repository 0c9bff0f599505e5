"""All faulty fields of a request are named at once, each with its path."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from schema.money import CENTS_MAX, format_cents
from webapp.api.examples import ANSWERS, REQUESTS
from webapp.api.operation import OPERATIONS
from webapp.api.requests import AnyCommand, HistoryPageQuery
from webapp.api.validation import faults, from_text


class _Many(msgspec.Struct, forbid_unknown_fields=True):
    commands: Annotated[list[AnyCommand], Meta(max_length=3)]


def _fields(value: object, kind: object, **how: object) -> list[str]:
    return [fault.field for fault in faults(value, kind, **how)]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"command": "BUY", "symbol": 1, "amount": 2, "user": "ann"}, ["symbol", "amount", "user"]),
        ({"command": "BUY", "symbol": "ABC"}, ["amount"]),
        ({"command": "BUY", "amount": "1", "shares": 1.5}, ["symbol", "shares"]),
        ({"command": "SELL", "symbol": "A", "amount": "1", "shares": 1}, ["shares"]),
        ({"command": "STEAL"}, ["command"]),
        ({}, ["command"]),
        ([], [""]),
        ({"command": "ADD", "amount": format_cents(CENTS_MAX + 1)}, ["amount"]),
        ({"command": "SET_BUY_TRIGGER", "symbol": "A", "price": "9" * 40}, ["price"]),
        ({"command": "ADD", "amount": format_cents(CENTS_MAX)}, []),
        ({"command": "ADD", "amount": "1e3"}, []),
    ],
)
def test_every_faulty_field_of_a_command_is_named_and_only_those(body, fields):
    assert _fields(body, AnyCommand) == fields
    if fields:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(body, AnyCommand)
    else:
        msgspec.convert(body, AnyCommand)


def test_an_amount_that_does_not_fit_says_what_fits():
    (fault,) = faults({"command": "ADD", "amount": "1" * 30}, AnyCommand)
    assert format_cents(CENTS_MAX) in fault.detail


def test_fields_in_lists_have_a_path():
    commands = [{"command": "ADD", "amount": "1"}, {"command": "ADD"}, {"command": "QUOTE", "symbol": None}]
    assert _fields({"commands": commands}, _Many) == ["commands[1].amount", "commands[2].symbol"]


def test_faults_of_an_address_are_named_too():
    given = {"kind": "steal", "size": "0", "symbol": "null\n", "from_ms": "null", "page": "1"}
    assert sorted(_fields(given, HistoryPageQuery, convert=from_text)) == ["from_ms", "kind", "size", "symbol"]


@pytest.mark.parametrize("name", sorted({*REQUESTS, *(name for name, _ in ANSWERS)}))
def test_the_examples_of_the_document_are_what_they_are_examples_of(name):
    (operation,) = (operation for operation in OPERATIONS if operation.name == name)
    for example in REQUESTS.get(name, {}).values():
        msgspec.convert(example, operation.body)
    for (owner, status), example in ANSWERS.items():
        if owner == name:
            msgspec.convert(example, operation.answers[status])
