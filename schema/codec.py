"""Bytes on the wire to structs and back: MessagePack by msgspec, one error type, versions checked. No I/O."""

import msgspec

from schema.arguments import is_root_dumplog, is_sound
from schema.commands import (
    COMMANDS_PER_MESSAGE_MAX,
    EXPIRY_PREFIX,
    VERSION,
    CommandBatch,
    DumpMarker,
    FillBatch,
    LogMessage,
)
from schema.errors import DecodeError
from schema.events import AccountsChanged, AuditMessage, PriceMessage, PriceRequest, ReplyMessage, TriggerMessage

_encoder = msgspec.msgpack.Encoder()
_log = msgspec.msgpack.Decoder(LogMessage)
_audit = msgspec.msgpack.Decoder(AuditMessage)
_price = msgspec.msgpack.Decoder(PriceMessage)
_request = msgspec.msgpack.Decoder(PriceRequest)
_trigger = msgspec.msgpack.Decoder(TriggerMessage)
_replies = msgspec.msgpack.Decoder(ReplyMessage)
_changed = msgspec.msgpack.Decoder(AccountsChanged)

encode = _encoder.encode
"""Any struct of the contract to bytes."""


def decode_log(body: bytes) -> LogMessage:
    """A message of a command log, every command in it sound (`arguments.is_sound`). Raises DecodeError."""
    message = _decode(_log, body)
    if isinstance(message, CommandBatch):
        if len(message.commands) > COMMANDS_PER_MESSAGE_MAX:
            raise DecodeError(f"{len(message.commands)} commands in one message")
        for command in message.commands:
            if not is_sound(command):
                raise DecodeError(f"{command.name} {command.transaction_number} lacks an argument")
            _check_id(command.command_id)
            if is_root_dumplog(command):
                raise DecodeError("a DUMPLOG for all users travels as a marker")
    elif isinstance(message, FillBatch):
        for fill in message.fills:
            _check_id(fill.command_id)
    elif isinstance(message, DumpMarker) and not is_root_dumplog(message.command):
        raise DecodeError("a marker that carries no DUMPLOG for all users")
    return message


def decode_audit(body: bytes) -> AuditMessage:
    """A message of the audit stream. Raises DecodeError."""
    return _decode(_audit, body)


def decode_prices(body: bytes) -> PriceMessage:
    """A broadcast of the quote cache. Raises DecodeError."""
    return _decode(_price, body)


def decode_request(body: bytes) -> PriceRequest:
    """A request to the quote cache. Raises DecodeError."""
    return _decode(_request, body)


def decode_triggers(body: bytes) -> TriggerMessage:
    """Changes of trigger orders. Raises DecodeError."""
    return _decode(_trigger, body)


def decode_replies(body: bytes) -> ReplyMessage:
    """Outcomes of commands. Raises DecodeError."""
    return _decode(_replies, body)


def decode_accounts_changed(body: bytes) -> AccountsChanged:
    """Whose accounts have news. Raises DecodeError."""
    return _decode(_changed, body)


def _check_id(command_id: bytes) -> None:
    # An expiry would then meet its id in the history, and no look-up of what was published could tell.
    if command_id.startswith(EXPIRY_PREFIX):
        raise DecodeError("a command id that is kept for expiries")


def _decode(decoder: msgspec.msgpack.Decoder, body: bytes):
    try:
        message = decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(str(error)) from error
    if message.version != VERSION:
        raise DecodeError(f"version {message.version} is not {VERSION}")
    return message
