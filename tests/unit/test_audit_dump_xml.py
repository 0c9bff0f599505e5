"""Rows of the log as XML that the project's own schema accepts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from consumers.audit.dump_xml import HEAD, TAIL, AuditRow, element
from schema.commands import CommandName
from schema.events import QUOTECACHE_SOURCE

XSD = etree.XMLSchema(etree.parse(Path(__file__).parents[2] / "schema" / "log.xsd"))
AT_MS = 1_784_800_000_123


def row(kind: str, source: int = 3, **fields) -> AuditRow:
    absent = dict.fromkeys(AuditRow._fields[4:])
    return AuditRow(source, kind, AT_MS, 42, **absent | fields)


def parsed(*rows: AuditRow) -> etree._Element:
    """Parses and validates the document of these rows."""
    document = etree.fromstring((HEAD + "".join(map(element, rows)) + TAIL).encode())
    XSD.assertValid(document)
    return document


def fields(of: AuditRow) -> dict[str, str]:
    entry = parsed(of)[0]
    assert entry.tag == of.kind
    return {field.tag: field.text for field in entry}


ORIGIN = {"timestamp": str(AT_MS), "server": "transactions.03", "transactionNum": "42"}


@pytest.mark.parametrize("kind", ["userCommand", "systemEvent"])
def test_a_command_with_all_its_fields(kind):
    whole = row(kind, command="BUY", user="ann", symbol="ABC", filename="log", funds_cents=1234500)
    assert fields(whole) == ORIGIN | {
        "command": "BUY",
        "username": "ann",
        "stockSymbol": "ABC",
        "filename": "log",
        "funds": "12345.00",
    }


@pytest.mark.parametrize("name", CommandName)
def test_absent_fields_are_left_out(name):
    assert fields(row("userCommand", command=name.value)) == ORIGIN | {"command": name.value}


def test_an_invalid_symbol_is_left_out():
    assert "stockSymbol" not in fields(row("errorEvent", command="BUY", symbol="ABCD"))


@pytest.mark.parametrize(("kind", "field"), [("errorEvent", "errorMessage"), ("debugEvent", "debugMessage")])
def test_a_message_goes_by_the_name_of_its_kind(kind, field):
    assert fields(row(kind, command="ADD", message="why"))[field] == "why"


@pytest.mark.parametrize(
    ("funds_cents", "action", "funds"), [(1050, "add", "10.50"), (-1050, "remove", "10.50"), (-7, "remove", "0.07")]
)
def test_cash_is_added_or_removed(funds_cents, action, funds):
    moved = row("accountTransaction", user="ann", funds_cents=funds_cents)
    assert fields(moved) == ORIGIN | {"action": action, "username": "ann", "funds": funds}


def test_a_paid_answer_is_shown_unchanged():
    answer = row(
        "quoteServer",
        source=QUOTECACHE_SOURCE,
        user="ann",
        symbol="ABC",
        funds_cents=101,
        quote_server_time=1_784_799_000_000,
        cryptokey="aB+/=",
    )
    assert fields(answer) == ORIGIN | {
        "server": "quotecache",
        "price": "1.01",
        "stockSymbol": "ABC",
        "username": "ann",
        "quoteServerTime": "1784799000000",
        "cryptokey": "aB+/=",
    }


def test_markup_in_text_stays_text():
    text = "<a> & ]]> \"b\" 'c'"
    assert fields(row("errorEvent", command="DUMPLOG", filename=text))["filename"] == text


def test_characters_that_xml_cannot_hold_are_replaced():
    assert fields(row("errorEvent", command="ADD", message="a\0b\x1f\ufffe"))["errorMessage"] == "a\ufffdb\ufffd\ufffd"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_makes_a_document(text):
    shown = fields(row("debugEvent", command="ADD", message=text))["debugMessage"] or ""
    assert all(a in (b, "\ufffd") for a, b in zip(shown, text, strict=True))


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_amount_makes_a_document(cents):
    shown = fields(row("accountTransaction", user="ann", funds_cents=cents))
    sign = -1 if shown["action"] == "remove" else 1
    assert sign * int(shown["funds"].replace(".", "")) == cents


def test_an_empty_log_is_a_document():
    assert len(parsed()) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        "<debug/>",
        "<userCommand><timestamp>1</timestamp><server>s</server><transactionNum>1</transactionNum>"
        "<command>ADD</command></userCommand>",
        "<userCommand><timestamp>1784800000000</timestamp><server>s</server><transactionNum>1</transactionNum>"
        "<command>ADDS</command></userCommand>",
        "<accountTransaction><timestamp>1784800000000</timestamp><server>s</server><transactionNum>1</transactionNum>"
        "<action>add</action><username>ann</username><funds>1e3</funds></accountTransaction>",
        "<accountTransaction><timestamp>1784800000000</timestamp><server>s</server><transactionNum>1</transactionNum>"
        "<action>take</action><username>ann</username><funds>1.00</funds></accountTransaction>",
    ],
)
def test_the_schema_refuses_invalid_documents(wrong):
    assert not XSD.validate(etree.fromstring(f"<log>{wrong}</log>"))
