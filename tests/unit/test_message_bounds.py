"""Every field of every message is bounded when it is decoded, so the code behind the decoder can handle its size."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import inspect

from schema import codec
from schema.bounds import FILENAME_CHARACTERS_MAX, INT64_MAX, MESSAGE_CHARACTERS_MAX, MILLISECONDS_MAX
from schema.commands import (
    COMMANDS_PER_MESSAGE_MAX,
    VERSION,
    Allowances,
    Command,
    CommandBatch,
    CommandName,
    FillBatch,
    LogMessage,
)
from schema.errors import DecodeError
from schema.events import (
    ENTRIES_PER_MESSAGE_MAX,
    NEWS_PER_MESSAGE_MAX,
    QUOTECACHE_SOURCE,
    AccountsChanged,
    AuditEntry,
    AuditKind,
    AuditMessage,
    NoQuote,
    PriceMessage,
    PriceRequest,
    Quote,
    Reply,
    ReplyMessage,
    TriggerChange,
    TriggerMessage,
)
from schema.outcomes import Outcome, Side
from tests.builders import T0, a_fill

MESSAGES = (LogMessage, AuditMessage, PriceRequest, PriceMessage, TriggerMessage, ReplyMessage, AccountsChanged)

DUMP_ID = "00" * 16
ADD = AuditEntry(AuditKind.USER_COMMAND, T0, 7, CommandName.ADD, "ann", funds_cents=1050)
CASH = AuditEntry(AuditKind.ACCOUNT_TRANSACTION, T0, 7, user="ann", funds_cents=-1050)
QUOTE = AuditEntry(AuditKind.QUOTE_SERVER, T0, 7, None, "ann", "ABC", None, 101, None, 1, "k=")
MARKER = AuditEntry(AuditKind.MARKER, T0, 7, CommandName.DUMPLOG, filename="log", message=DUMP_ID)

PRICE = Quote(1, "ABC", 101, T0, 7, "ann")
NO_PRICE = NoQuote("ABC", T0, "silence")
CHANGE = TriggerChange("ann", "ABC", Side.BUY, 1, 5, 5, 0, 7)
REPLY = Reply(b"i" * 16, "ann", 1, Outcome.DONE, None, "ABC", 5, 5, T0)


def unbounded(of: inspect.Type, path: str) -> Iterator[str]:
    """Yields the fields within a type whose values have no greatest size."""
    match of:
        case inspect.StructType(fields=fields, cls=cls):
            for field in fields:
                yield from unbounded(field.type, f"{cls.__name__}.{field.name}")
        case inspect.UnionType(types=types):
            for one in types:
                yield from unbounded(one, path)
        case inspect.ListType(item_type=item, max_length=most):
            yield from unbounded(item, f"{path}[]")
            if most is None:
                yield path
        case inspect.IntType(ge=least, le=most):
            if least is None or most is None:
                yield path
        case inspect.StrType(max_length=None, pattern=None) | inspect.BytesType(max_length=None):
            yield path
        case inspect.StrType() | inspect.BytesType() | inspect.EnumType() | inspect.BoolType() | inspect.NoneType():
            pass
        case _:
            yield f"{path}: a {type(of).__name__}"


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: getattr(message, "__name__", "LogMessage"))
def test_every_field_has_a_bound(message):
    assert sorted(unbounded(inspect.type_info(message), "")) == []


def test_a_field_without_a_bound_is_found():
    class Open(msgspec.Struct):
        text: str
        numbers: list[int]

    assert sorted(unbounded(inspect.type_info(Open), "")) == ["Open.numbers", "Open.numbers[]", "Open.text"]


def audit(*entries: AuditEntry, source: int = 3, first_number: int = 1) -> AuditMessage:
    return AuditMessage(VERSION, source, first_number, list(entries))


def refused(decode, message) -> None:
    with pytest.raises(DecodeError):
        decode(codec.encode(message))


@pytest.mark.parametrize("entry", [ADD, CASH, MARKER], ids=lambda entry: entry.kind.value)
def test_whole_entries_of_the_log_are_read(entry):
    assert codec.decode_audit(codec.encode(audit(entry))).entries == [entry]
    hit = audit(QUOTE, source=QUOTECACHE_SOURCE)
    assert codec.decode_audit(codec.encode(hit)) == hit


@pytest.mark.parametrize(
    "bad",
    [
        audit(ADD, source=16),
        audit(ADD, source=-1),
        audit(ADD, source=65),
        audit(),
        audit(*[ADD] * (ENTRIES_PER_MESSAGE_MAX + 1)),
        audit(ADD, first_number=0),
        audit(ADD, first_number=INT64_MAX),
        audit(ADD, first_number=2**63),
        audit(AuditEntry(AuditKind.SYSTEM_EVENT, 1, 7)),
        audit(AuditEntry(AuditKind.ACCOUNT_TRANSACTION, 1, 7, user="ann")),
        audit(AuditEntry(AuditKind.ACCOUNT_TRANSACTION, 1, 7, funds_cents=1)),
        audit(AuditEntry(AuditKind.QUOTE_SERVER, 1, 7, user="ann", symbol="ABC", funds_cents=101)),
        audit(msgspec.structs.replace(QUOTE, funds_cents=0)),
        audit(MARKER, source=QUOTECACHE_SOURCE),
    ],
)
def test_entries_that_fit_no_row_or_no_dump_element_are_refused(bad):
    refused(codec.decode_audit, bad)


@pytest.mark.parametrize(
    "fields",
    [
        {"at_ms": -1},
        {"at_ms": MILLISECONDS_MAX + 1},
        {"transaction_number": 0},
        {"transaction_number": 2**63},
        {"user": ""},
        {"user": "u" * 65},
        {"symbol": ""},
        {"symbol": "ABCD"},
        {"filename": ""},
        {"filename": "f" * 1_001},
        {"funds_cents": 2**63},
        {"funds_cents": -(2**63)},
        {"message": "m" * 1_001},
        {"quote_server_time": -1},
        {"quote_server_time": 2**63},
        {"cryptokey": "k" * 513},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_an_entry_with_a_field_out_of_its_bounds_is_refused(fields):
    refused(codec.decode_audit, audit(msgspec.structs.replace(ADD, **fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {"cryptokey": "k" * 40_000},
        {"message": "00" * 20_000},
        {"message": None},
        {"message": "0f" * 15},
        {"message": "../" * 10 + "00"},
        {"filename": None},
        {"filename": "../outside"},
        {"filename": "/etc/log"},
        {"filename": "a\0b"},
        {"filename": "f" * 101},
    ],
)
def test_a_marker_whose_dump_no_index_and_no_folder_could_hold_is_refused(fields):
    refused(codec.decode_audit, audit(msgspec.structs.replace(MARKER, **fields)))


@pytest.mark.parametrize(
    "fields",
    [
        {"price_cents": 0},
        {"price_cents": -1},
        {"price_cents": 2**63},
        {"quote_id": 0},
        {"symbol": "abc"},
        {"symbol": "A" * 1_000_000},
        {"asked_at_ms": 2**63 - 1},
        {"cause_transaction_number": 0},
        {"cause_user": "a b"},
    ],
)
def test_an_invalid_price_is_refused(fields):
    """A quote of 0 would end every worker with a BUY of its symbol, by a division by zero."""
    refused(codec.decode_prices, PriceMessage(VERSION, [PRICE, msgspec.structs.replace(PRICE, **fields)]))


@pytest.mark.parametrize("fields", [{"symbol": ""}, {"at_ms": -1}, {"reason": "r" * 501}])
def test_news_that_there_is_no_price_is_bounded(fields):
    refused(codec.decode_prices, PriceMessage(VERSION, [msgspec.structs.replace(NO_PRICE, **fields)]))


@pytest.mark.parametrize(
    "fields",
    [
        {"symbol": "ABCD"},
        {"user": "u" * 65},
        {"user": "a,b\n"},
        {"transaction_number": 0},
        {"user": "", "paid_quotes_max": 5},
    ],
)
def test_an_invalid_price_request_is_refused(fields):
    refused(codec.decode_request, msgspec.structs.replace(PriceRequest(VERSION, "ABC", "ann", 1), **fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "a b"},
        {"symbol": ""},
        {"version": -1},
        {"trigger_cents": 0},
        {"reserved_cents": -1},
        {"reserved_shares": 2**63},
        {"transaction_number": 0},
    ],
)
def test_a_change_of_a_trigger_order_that_no_fill_could_carry_is_refused(fields):
    """Otherwise the fill would be refused, and with it the other fills of its message."""
    refused(codec.decode_triggers, TriggerMessage(VERSION, [CHANGE, msgspec.structs.replace(CHANGE, **fields)]))


@pytest.mark.parametrize(
    "fields", [{"command_id": b"short"}, {"user": "a b"}, {"seq": 0}, {"price_cents": 0}, {"at_ms": 2**63 - 1}]
)
def test_a_reply_is_bounded(fields):
    refused(codec.decode_replies, ReplyMessage(VERSION, [msgspec.structs.replace(REPLY, **fields)]))


def test_lists_are_bounded():
    more = NEWS_PER_MESSAGE_MAX + 1
    refused(codec.decode_prices, PriceMessage(VERSION, [PRICE] * more))
    refused(codec.decode_triggers, TriggerMessage(VERSION, [CHANGE] * more))
    refused(codec.decode_replies, ReplyMessage(VERSION, [REPLY] * more))
    refused(codec.decode_accounts_changed, AccountsChanged(VERSION, ["ann"] * more))
    refused(codec.decode_accounts_changed, AccountsChanged(VERSION, ["u" * 65]))
    refused(codec.decode_log, FillBatch(VERSION, T0, [a_fill(5, 1)] * (COMMANDS_PER_MESSAGE_MAX + 1)))


def test_the_broker_takes_the_largest_messages():
    conf = Path("rabbitmq/rabbitmq.conf").read_text()
    most = int(re.search(r"^max_message_size = (\d+)$", conf, re.MULTILINE)[1])
    user, text, number = "u" * 64, "\U0001f600", 2**63 - 1
    command = Command(
        b"i" * 16,
        number,
        CommandName.SET_SELL_TRIGGER,
        user,
        "ABC",
        number,
        text * FILENAME_CHARACTERS_MAX,
        None,
        number,
        number,
        Allowances(number, number),
    )
    assert len(codec.encode(CommandBatch(VERSION, T0, [command] * COMMANDS_PER_MESSAGE_MAX))) < most
    # No entry has both a long message and a file name or a crypto key.
    entry = msgspec.structs.replace(ADD, user=user, funds_cents=number, message=text * MESSAGE_CHARACTERS_MAX)
    assert len(codec.encode(audit(*[entry] * ENTRIES_PER_MESSAGE_MAX))) < most
