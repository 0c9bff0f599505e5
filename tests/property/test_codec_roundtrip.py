"""What is encoded comes out again as it was, and no bytes whatever raise anything but DecodeError."""

import contextlib
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schema import codec
from schema.arguments import SIGNATURES, make_command
from schema.bounds import INT64_MAX, MILLISECONDS_MAX
from schema.commands import (
    EXPIRY_PREFIX,
    VERSION,
    Command,
    CommandBatch,
    CommandName,
    DumpMarker,
    Fill,
    FillBatch,
)
from schema.errors import DecodeError
from schema.events import (
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
from schema.outcomes import Outcome, Reason, Side

text = st.text(st.characters(codec="utf-8"), max_size=20)
ids = st.binary(min_size=16, max_size=16).filter(lambda each: not each.startswith(EXPIRY_PREFIX))
integers = st.integers(-(2**63), INT64_MAX)
positive, not_negative = st.integers(1, INT64_MAX), st.integers(0, INT64_MAX)
milliseconds = st.integers(0, MILLISECONDS_MAX)
users = st.text(string.ascii_letters + string.digits + "_.@-", min_size=1, max_size=64)
symbols = st.text(string.ascii_uppercase, min_size=1, max_size=3)
queue_names = st.text(st.characters(min_codepoint=ord(" "), max_codepoint=ord("~")), max_size=255)
sides = st.sampled_from(Side)
valid = {
    "user": users,
    "symbol": symbols,
    "amount_cents": positive.map(lambda cents: f"{cents // 100}.{cents % 100:02d}"),
    "filename": text.map(str.strip).filter(bool),
}


@st.composite
def sound_commands(draw) -> Command:
    """From the text of their arguments; no root DUMPLOG, which travels as a marker."""
    name = draw(st.sampled_from(CommandName))
    arguments = [draw(valid[field]) for field in SIGNATURES[name][-1]]
    return make_command(draw(ids), draw(positive), name, arguments)


@st.composite
def defective_commands(draw) -> Command:
    """From any text whatever."""
    name = draw(st.sampled_from(CommandName))
    command = make_command(draw(ids), draw(positive), name, draw(st.lists(text, max_size=4)))
    return command if command.defect else make_command(draw(ids), draw(positive), name, [])


@st.composite
def root_dumplogs(draw) -> Command:
    return make_command(draw(ids), draw(positive), CommandName.DUMPLOG, [draw(valid["filename"])])


def messages(struct: type, **fields: st.SearchStrategy) -> st.SearchStrategy:
    return st.builds(struct, version=st.just(VERSION), **fields)


commands = st.lists(sound_commands() | defective_commands(), max_size=5)
fills = st.builds(Fill, ids, users, symbols, sides, not_negative, positive, not_negative, milliseconds)
entries = st.builds(
    AuditEntry,
    kind=st.sampled_from(AuditKind),
    at_ms=integers,
    transaction_number=integers,
    command=st.none() | st.sampled_from(CommandName),
    **{field: st.none() | text for field in ("user", "symbol", "filename", "message", "cryptokey")},
    **{field: st.none() | integers for field in ("funds_cents", "quote_server_time")},
)
quotes = st.builds(Quote, integers, symbols, integers, integers, integers, text)
no_quotes = st.builds(NoQuote, symbols, integers, text)
replies = st.builds(
    Reply,
    command_id=ids,
    user=st.none() | users,
    seq=integers,
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from(Reason),
    symbol=st.none() | symbols,
    amount_cents=st.none() | integers,
    price_cents=st.none() | integers,
    at_ms=integers,
)
changes = st.builds(TriggerChange, users, symbols, sides, integers, st.none() | integers, integers, integers, integers)

CONTRACT = {
    "commands": (
        codec.decode_log,
        messages(CommandBatch, published_at_ms=milliseconds, commands=commands, reply_to=st.none() | queue_names),
    ),
    "fills": (codec.decode_log, messages(FillBatch, published_at_ms=milliseconds, fills=st.lists(fills, max_size=5))),
    "marker": (
        codec.decode_log,
        messages(DumpMarker, published_at_ms=milliseconds, command=root_dumplogs(), asked_by=st.none() | users),
    ),
    "audit": (
        codec.decode_audit,
        messages(AuditMessage, source=integers, first_number=integers, entries=st.lists(entries, max_size=5)),
    ),
    "prices": (codec.decode_prices, messages(PriceMessage, answers=st.lists(quotes | no_quotes, max_size=5))),
    "request": (
        codec.decode_request,
        messages(PriceRequest, symbol=symbols, user=text, transaction_number=integers, for_trigger=st.booleans()),
    ),
    "replies": (codec.decode_replies, messages(ReplyMessage, replies=st.lists(replies, max_size=5))),
    "accounts": (codec.decode_accounts_changed, messages(AccountsChanged, users=st.lists(users, max_size=5))),
    "triggers": (codec.decode_triggers, messages(TriggerMessage, changes=st.lists(changes, max_size=5))),
}
"""Every message of the contract: how it is read, and examples."""

any_message = st.one_of(*(examples for _, examples in CONTRACT.values()))

DECODERS = {decode for decode, _ in CONTRACT.values()}

anything = st.recursive(
    st.none() | st.booleans() | integers | st.floats() | text | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(text, inner, max_size=3),
)


def read(body: bytes) -> None:
    for decode in DECODERS:
        with contextlib.suppress(DecodeError):
            decode(body)


@pytest.mark.parametrize("kind", CONTRACT)
@given(data=st.data())
def test_every_message_comes_out_as_it_went_in(kind, data):
    decode, examples = CONTRACT[kind]
    message = data.draw(examples)
    assert decode(codec.encode(message)) == message


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_decode_error(body):
    read(body)


@given(anything)
def test_no_messagepack_raises_anything_but_a_decode_error(value):
    read(codec.encode(value))


@settings(max_examples=500)
@given(any_message, st.lists(st.tuples(st.integers(0), st.integers(0, 255))))
def test_no_damaged_message_raises_anything_but_a_decode_error(message, damage):
    body = bytearray(codec.encode(message))
    for place, byte in damage:
        body[place % len(body)] = byte
    read(bytes(body))


@given(any_message, st.integers(0))
def test_no_cut_message_is_taken_for_a_whole_one(message, length):
    body = codec.encode(message)
    for decode in DECODERS:
        with pytest.raises(DecodeError):
            decode(body[: length % len(body)])
