"""Every message decodes to what was encoded, and no bytes at all raise anything but DecodeError."""

import contextlib
import string

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schema import codec
from schema.arguments import SIGNATURES, SITE_SIGNATURES, make_command
from schema.bounds import INT64_MAX, MILLISECONDS_MAX
from schema.commands import (
    EXPIRY_PREFIX,
    NO_USER,
    VERSION,
    Allowances,
    Command,
    CommandBatch,
    CommandName,
    DumpMarker,
    Fill,
    FillBatch,
)
from schema.errors import DecodeError
from schema.events import (
    SOURCES,
    AccountsChanged,
    AuditEntry,
    AuditKind,
    AuditMessage,
    NoQuote,
    PriceMessage,
    PriceRequest,
    Quote,
    QuoteRefused,
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
printable = st.characters(min_codepoint=ord(" "), max_codepoint=ord("~"))
queue_names = st.text(printable, min_size=1, max_size=255)
sides = st.sampled_from(Side)
valid = {
    "user": users,
    "symbol": symbols,
    "amount_cents": positive.map(lambda cents: f"{cents // 100}.{cents % 100:02d}"),
    "filename": text.map(str.strip).filter(bool),
    "shares": positive.map(str),
    "order_seq": positive.map(str),
}


@st.composite
def sound_commands(draw) -> Command:
    """Draws a command without a defect. It is no root DUMPLOG, because that travels as a marker."""
    name = draw(st.sampled_from(CommandName))
    form = draw(st.sampled_from([None, SITE_SIGNATURES.get(name)]))
    arguments = [draw(valid[field]) for field in form or SIGNATURES[name][-1]]
    command = make_command(draw(ids), draw(positive), name, arguments, form)
    return replace(command, allowances=draw(st.none() | st.builds(Allowances, not_negative, not_negative)))


@st.composite
def defective_commands(draw) -> Command:
    """Draws a command made from any text."""
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
sources = st.sampled_from(sorted(SOURCES))
entries = st.builds(
    AuditEntry,
    kind=st.sampled_from([AuditKind.USER_COMMAND, AuditKind.QUOTE_SERVER, AuditKind.DEBUG_EVENT]),
    at_ms=milliseconds,
    transaction_number=positive,
    command=st.sampled_from(CommandName),
    user=text.filter(bool),
    symbol=symbols,
    filename=st.none() | text.filter(bool),
    funds_cents=positive,
    message=st.none() | text,
    quote_server_time=not_negative,
    cryptokey=text,
)
quotes = st.builds(Quote, positive, symbols, positive, milliseconds, positive, users | st.just(NO_USER))
no_quotes = st.builds(NoQuote, symbols, milliseconds, text) | st.builds(QuoteRefused, symbols, users, milliseconds)
replies = st.builds(
    Reply,
    command_id=ids,
    user=st.none() | users,
    seq=positive,
    outcome=st.sampled_from(Outcome),
    reason=st.none() | st.sampled_from(Reason),
    symbol=st.none() | symbols,
    amount_cents=st.none() | positive,
    price_cents=st.none() | positive,
    at_ms=milliseconds,
    newest_order_seq=st.none() | positive,
)
changes = st.builds(
    TriggerChange,
    *(users, symbols, sides, not_negative, st.none() | positive, not_negative, not_negative, positive),
)

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
        messages(
            AuditMessage,
            source=sources,
            first_number=st.integers(1, INT64_MAX - 5),
            entries=st.lists(entries, min_size=1, max_size=5),
        ),
    ),
    "prices": (codec.decode_prices, messages(PriceMessage, answers=st.lists(quotes | no_quotes, max_size=5))),
    "request": (
        codec.decode_request,
        messages(
            PriceRequest,
            symbol=symbols,
            user=users,
            transaction_number=positive,
            for_trigger=st.booleans(),
            paid_quotes_max=st.none() | not_negative,
        )
        | messages(PriceRequest, symbol=symbols, user=st.just(NO_USER), transaction_number=positive),
    ),
    "replies": (codec.decode_replies, messages(ReplyMessage, replies=st.lists(replies, max_size=5))),
    "accounts": (codec.decode_accounts_changed, messages(AccountsChanged, users=st.lists(users, max_size=5))),
    "triggers": (codec.decode_triggers, messages(TriggerMessage, changes=st.lists(changes, max_size=5))),
}
"""Every message of the contract: its decoder, and examples."""

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
def test_every_message_decodes_to_what_was_encoded(kind, data):
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
def test_no_truncated_message_is_taken_for_a_whole_one(message, length):
    body = codec.encode(message)
    for decode in DECODERS:
        with pytest.raises(DecodeError):
            decode(body[: length % len(body)])


def test_messages_from_before_orders_by_shares_are_still_read():
    """Structs of the older contract end earlier: new fields are only ever added at the end."""
    command = Command(bytes(16), 7, CommandName.BUY, "ann", "ABC", 1_00)
    old_command = [bytes(16), *msgspec.to_builtins(command)[1:8]]
    body = msgspec.msgpack.encode(["commands", VERSION, 1, [old_command], "amq.gen-replies"])
    assert codec.decode_log(body) == CommandBatch(VERSION, 1, [command], "amq.gen-replies")
    request = PriceRequest(VERSION, "ABC", "ann", 7, True)
    assert codec.decode_request(msgspec.msgpack.encode(msgspec.to_builtins(request)[:5])) == request
    reply = Reply(bytes(16), "ann", 3, Outcome.DONE, None, "ABC", 1_00, 1_00, 5)
    old_reply = [bytes(16), *msgspec.to_builtins(reply)[1:9]]
    assert codec.decode_replies(msgspec.msgpack.encode([VERSION, [old_reply]])) == ReplyMessage(VERSION, [reply])
