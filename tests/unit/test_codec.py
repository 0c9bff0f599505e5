"""Messages decode to what was encoded, and anything outside the contract raises DecodeError and nothing else."""

from datetime import UTC, datetime

import msgspec
import pytest

from schema import codec
from schema.bounds import MILLISECONDS_MAX
from schema.commands import (
    COMMANDS_PER_MESSAGE_MAX,
    VERSION,
    Command,
    CommandBatch,
    CommandName,
    DumpMarker,
    Fill,
    FillBatch,
    command_id,
    expiry_id,
)
from schema.errors import DecodeError
from schema.events import AuditEntry, AuditKind, AuditMessage, NoQuote, PriceMessage, PriceRequest, Quote
from schema.outcomes import Reason, Side
from tests.builders import a_command, a_fill

BUY = Command(command_id(1, 2), 7, CommandName.BUY, "ann", "ABC", 500)
NESTED = b"\x91" * 100_000 + b"\x01"


def a_batch(*commands: Command, version: int = VERSION) -> bytes:
    return codec.encode(CommandBatch(version, 1_000, list(commands)))


def a_marker(command: Command) -> bytes:
    return codec.encode(DumpMarker(VERSION, 1_000, command))


def test_the_three_kinds_of_log_message_are_told_apart():
    root = a_command("DUMPLOG", user=None)
    for message in (
        CommandBatch(VERSION, 1, [BUY]),
        FillBatch(VERSION, 1, [a_fill(5, 1)]),
        DumpMarker(VERSION, 1, root),
    ):
        assert codec.decode_log(codec.encode(message)) == message


def test_prices_and_requests_come_out_as_they_went_in():
    prices = PriceMessage(VERSION, [Quote(1, "ABC", 500, 9, 7, "ann"), NoQuote("S", 9, "silence")])
    assert codec.decode_prices(codec.encode(prices)) == prices
    request = PriceRequest(VERSION, "ABC", "ann", 7, for_trigger=True)
    assert codec.decode_request(codec.encode(request)) == request


def test_a_field_added_at_the_end_by_a_later_program_is_passed_over():
    longer = bytearray(a_batch(BUY))
    longer[0] += 1
    assert codec.decode_log(bytes(longer) + b"\x2a").commands == [BUY]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"\x00", b"nonsense", a_batch(BUY)[:-1], a_batch(BUY) + b"\x00", b"\xdd\xff\xff\xff\xff"],
    ids=["empty", "reserved byte", "a number", "text", "cut", "too long", "an array beyond its end"],
)
@pytest.mark.parametrize(
    "decode",
    [
        *(codec.decode_log, codec.decode_audit, codec.decode_prices, codec.decode_request, codec.decode_triggers),
        *(codec.decode_replies, codec.decode_accounts_changed),
    ],
)
def test_bytes_that_are_no_message_are_a_decode_error(decode, body):
    with pytest.raises(DecodeError):
        decode(body)


def test_a_version_that_this_program_does_not_know_is_a_decode_error():
    with pytest.raises(DecodeError, match="version"):
        codec.decode_log(a_batch(BUY, version=VERSION + 1))


def test_text_that_is_not_utf8_is_a_decode_error():
    with pytest.raises(DecodeError):
        codec.decode_log(a_batch(BUY).replace(b"ann", b"\xff\xfe\xfd"))


def test_nesting_without_end_is_a_decode_error():
    """Skipped fields may hold anything, so such a message must not crash its reader."""
    longer = bytearray(a_batch(BUY))
    longer[0] += 1
    with pytest.raises(DecodeError):
        codec.decode_log(bytes(longer) + NESTED)


@pytest.mark.parametrize(
    "command",
    [
        Command(b"short", 7, CommandName.ADD, "ann", None, 5),
        Command(BUY.command_id, 0, CommandName.ADD, "ann", None, 5),
        Command(BUY.command_id, 2**63, CommandName.ADD, "ann", None, 5),
        Command(BUY.command_id, 7, CommandName.ADD, "a b", None, 5),
        Command(BUY.command_id, 7, CommandName.ADD, "ann\n", None, 5),
        Command(BUY.command_id, 7, CommandName.ADD, "ann", None, 0),
        Command(BUY.command_id, 7, CommandName.ADD, "ann", None, -5),
        Command(BUY.command_id, 7, CommandName.ADD, "ann", None, 2**63),
        Command(BUY.command_id, 7, CommandName.QUOTE, "ann", "abc"),
        Command(BUY.command_id, 7, CommandName.QUOTE, "ann", "ABCD"),
    ],
)
def test_a_command_with_a_value_out_of_its_limits_is_a_decode_error(command):
    with pytest.raises(DecodeError):
        codec.decode_log(a_batch(command))


def test_a_command_without_an_argument_it_needs_is_a_decode_error_unless_its_defect_is_named():
    lacking = Command(BUY.command_id, 7, CommandName.BUY, "ann", "ABC")
    with pytest.raises(DecodeError, match="lacks"):
        codec.decode_log(a_batch(lacking))
    known = Command(BUY.command_id, 7, CommandName.BUY, "ann", "ABC", defect=Reason.BAD_ARGUMENTS)
    assert codec.decode_log(a_batch(known)).commands == [known]


@pytest.mark.parametrize("price_cents", [0, -5, 2**63])
def test_a_fill_at_no_price_is_a_decode_error(price_cents):
    fill = Fill(BUY.command_id, "ann", "ABC", Side.BUY, 1, price_cents, 1, 1)
    with pytest.raises(DecodeError):
        codec.decode_log(codec.encode(FillBatch(VERSION, 1, [fill])))


@pytest.mark.parametrize("field", ["version", "quote_id", "asked_at_ms"])
@pytest.mark.parametrize("value", [-1, 2**63])
def test_a_fill_with_a_number_that_no_table_takes_is_a_decode_error(field, value):
    fill = msgspec.structs.replace(a_fill(5, 1), **{field: value})
    with pytest.raises(DecodeError):
        codec.decode_log(codec.encode(FillBatch(VERSION, 1, [fill])))


@pytest.mark.parametrize("at_ms", [-1, MILLISECONDS_MAX + 1, 2**63 - 1, 2**63])
def test_a_time_that_no_page_can_show_as_a_date_is_a_decode_error(at_ms):
    """Its history row could be stored, but the row's page would always fail."""
    fill = msgspec.structs.replace(a_fill(5, 1), asked_at_ms=at_ms)
    late_marker = DumpMarker(VERSION, at_ms, a_command("DUMPLOG", user=None))
    for message in (
        CommandBatch(VERSION, at_ms, [BUY]),
        FillBatch(VERSION, at_ms, [a_fill(5, 1)]),
        FillBatch(VERSION, 1, [fill]),
        late_marker,
    ):
        with pytest.raises(DecodeError):
            codec.decode_log(codec.encode(message))


def test_the_latest_time_of_a_message_is_one_that_a_date_can_show():
    latest = datetime.fromtimestamp(MILLISECONDS_MAX // 1_000, UTC)
    assert latest == datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    batch = CommandBatch(VERSION, MILLISECONDS_MAX, [BUY])
    assert codec.decode_log(codec.encode(batch)) == batch


def test_a_command_with_an_id_that_an_expiry_may_have_is_a_decode_error():
    taken = msgspec.structs.replace(BUY, command_id=expiry_id(1))
    with pytest.raises(DecodeError, match="expir"):
        codec.decode_log(a_batch(taken))
    with pytest.raises(DecodeError, match="expir"):
        codec.decode_log(
            codec.encode(FillBatch(VERSION, 1, [msgspec.structs.replace(a_fill(5, 1), command_id=expiry_id(1))]))
        )


def test_more_commands_than_a_message_may_hold_are_a_decode_error():
    many = [a_command("ADD", 5) for _ in range(COMMANDS_PER_MESSAGE_MAX + 1)]
    assert len(codec.decode_log(a_batch(*many[1:])).commands) == COMMANDS_PER_MESSAGE_MAX
    with pytest.raises(DecodeError):
        codec.decode_log(a_batch(*many))


@pytest.mark.parametrize("name", ["q" * 256, "é" * 100, "é", "a\nb", "a\0b", ""])
def test_a_reply_queue_whose_name_no_broker_takes_is_a_decode_error(name):
    """Publishing to it would end the worker's session after the commit, again and again."""
    with pytest.raises(DecodeError):
        codec.decode_log(codec.encode(CommandBatch(VERSION, 1, [BUY], name)))


def test_a_reply_queue_with_the_longest_name_there_may_be_is_answered():
    longest = CommandBatch(VERSION, 1, [BUY], "q" * 255)
    assert codec.decode_log(codec.encode(longest)) == longest


def test_a_marker_carries_nothing_but_a_dumplog():
    with pytest.raises(DecodeError, match="marker"):
        codec.decode_log(a_marker(BUY))


def test_a_marker_that_carries_the_dumplog_of_one_user_is_a_decode_error():
    """It would be executed in a log that is not that user's."""
    with pytest.raises(DecodeError):
        codec.decode_log(a_marker(a_command("DUMPLOG", user="ann")))


def test_a_marker_without_a_file_name_is_a_decode_error():
    with pytest.raises(DecodeError):
        codec.decode_log(a_marker(Command(BUY.command_id, 7, CommandName.DUMPLOG)))


def test_a_root_dumplog_among_commands_is_a_decode_error():
    """It would be answered as done and dump nothing, because only a marker reaches all logs."""
    with pytest.raises(DecodeError):
        codec.decode_log(a_batch(a_command("DUMPLOG", user=None)))


def test_an_audit_entry_keeps_what_the_quote_server_answered_to_the_letter():
    entry = AuditEntry(AuditKind.QUOTE_SERVER, 5, 7, None, "ann", "S", None, 500, None, 2**62, "Kd+/= ")
    message = AuditMessage(VERSION, 64, 1, [entry])
    assert codec.decode_audit(codec.encode(message)) == message
