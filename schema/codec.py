"""Encodes and decodes messages: MessagePack by msgspec, with one error type and a version check. No I/O."""

import functools
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from schema.arguments import is_root_dumplog, is_sound
from schema.bounds import INT64_MAX
from schema.commands import (
    EXPIRY_PREFIX,
    NO_USER,
    PARTITIONS,
    VERSION,
    Command,
    CommandBatch,
    FillBatch,
    LogMessage,
    is_symbol,
    is_user,
)
from schema.errors import DecodeError
from schema.events import (
    QUOTECACHE_SOURCE,
    SOURCES,
    AccountsChanged,
    AuditEntry,
    AuditKind,
    AuditMessage,
    PriceMessage,
    PriceRequest,
    ReplyMessage,
    TriggerMessage,
)
from schema.filenames import dump_path

_ACCOUNT, _QUOTE, _MARKER = AuditKind.ACCOUNT_TRANSACTION, AuditKind.QUOTE_SERVER, AuditKind.MARKER
_DUMP_ID = re.compile("[0-9a-f]{32}")

_is_user = functools.lru_cache(maxsize=65_536)(is_user)
_is_symbol = functools.lru_cache(maxsize=26 + 26**2 + 26**3)(is_symbol)

_encoder = msgspec.msgpack.Encoder()
_log: msgspec.msgpack.Decoder[LogMessage] = msgspec.msgpack.Decoder(LogMessage)
_audit = msgspec.msgpack.Decoder(AuditMessage)
_price = msgspec.msgpack.Decoder(PriceMessage)
_request = msgspec.msgpack.Decoder(PriceRequest)
_trigger = msgspec.msgpack.Decoder(TriggerMessage)
_replies = msgspec.msgpack.Decoder(ReplyMessage)
_changed = msgspec.msgpack.Decoder(AccountsChanged)

encode = _encoder.encode
"""Encodes any struct of the contract as bytes."""


def decode_log(body: bytes) -> LogMessage:
    """Decodes a message of a command log; every command in it is sound (`arguments.is_sound`). Raises DecodeError."""
    message = _decode(_log, body)
    if isinstance(message, CommandBatch):
        _check_names(message.commands)
        for command in message.commands:
            if not is_sound(command):
                raise DecodeError(f"{command.name} {command.transaction_number} lacks an argument")
            _check_id(command.command_id)
            if command.filename is not None and is_root_dumplog(command):
                raise DecodeError("a DUMPLOG for all users must be sent as a marker")
    elif isinstance(message, FillBatch):
        for fill in message.fills:
            _check_id(fill.command_id)
    else:
        _check_id(message.command.command_id)
        _check_names([message.command])
        if not is_root_dumplog(message.command):
            raise DecodeError("a marker must carry a DUMPLOG for all users")
    return message


def decode_audit(body: bytes) -> AuditMessage:
    """Decodes a message of the audit stream; each entry can be stored and dumped (spec §6). Raises DecodeError."""
    message = _decode(_audit, body)
    if message.source not in SOURCES:
        raise DecodeError(
            f"unknown source {message.source}: this project's sources are 0 to {PARTITIONS - 1} and {QUOTECACHE_SOURCE}"
        )
    if message.first_number > INT64_MAX - len(message.entries):
        raise DecodeError(
            f"{len(message.entries)} entries from number {message.first_number} exceed the largest number"
        )
    for n, entry in enumerate(message.entries):
        kind = entry.kind
        if kind is _ACCOUNT:
            whole = entry.user is not None and entry.funds_cents is not None
        elif kind is _QUOTE:
            whole = None not in (entry.user, entry.symbol, entry.quote_server_time, entry.cryptokey)
            whole = whole and entry.funds_cents is not None and entry.funds_cents > 0
        elif kind is _MARKER:
            whole = message.source != QUOTECACHE_SOURCE and _is_marker(entry)
        else:
            whole = entry.command is not None
        if not whole:
            raise DecodeError(f"entry {message.first_number + n}: a {kind} has a missing or invalid field")
    return message


def decode_prices(body: bytes) -> PriceMessage:
    """Decodes a broadcast of the quote cache. Raises DecodeError."""
    return _decode(_price, body)


def decode_request(body: bytes) -> PriceRequest:
    """Decodes a request to the quote cache. Raises DecodeError."""
    request = _decode(_request, body)
    if request.paid_quotes_max is not None and request.user == NO_USER:
        raise DecodeError("an allowance without a user")
    return request


def decode_triggers(body: bytes) -> TriggerMessage:
    """Decodes changes of trigger orders. Raises DecodeError."""
    return _decode(_trigger, body)


def decode_replies(body: bytes) -> ReplyMessage:
    """Decodes outcomes of commands. Raises DecodeError."""
    return _decode(_replies, body)


def decode_accounts_changed(body: bytes) -> AccountsChanged:
    """Decodes a hint that names users whose accounts have changed. Raises DecodeError."""
    return _decode(_changed, body)


def _check_names(commands: Sequence[Command]) -> None:
    for user in {command.user for command in commands}:
        if user is not None and not _is_user(user):
            raise DecodeError(f"not a user id: {user!r}")
    for symbol in {command.symbol for command in commands}:
        if symbol is not None and not _is_symbol(symbol):
            raise DecodeError(f"not a symbol: {symbol!r}")


def _is_marker(entry: AuditEntry) -> bool:
    # The audit worker makes two paths from these fields: the dump's path from the file name, and the path of the
    # unfinished file from the dump id.
    return (
        entry.message is not None
        and _DUMP_ID.fullmatch(entry.message) is not None
        and entry.filename is not None
        and dump_path(entry.filename, entry.user) == entry.filename
    )


def _check_id(command_id: bytes) -> None:
    # A published command with such an id would take an expiry's place in the history. The worker would not notice that
    # beforehand, because it looks up only the ids of published commands.
    if command_id.startswith(EXPIRY_PREFIX):
        raise DecodeError("a command id that is reserved for expiries")


_Message = TypeVar(
    "_Message",
    bound=LogMessage | AuditMessage | PriceMessage | PriceRequest | TriggerMessage | ReplyMessage | AccountsChanged,
)


def _decode(decoder: msgspec.msgpack.Decoder[_Message], body: bytes) -> _Message:
    try:
        message = decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(str(error)) from error
    if message.version != VERSION:
        raise DecodeError(f"version {message.version} of the message is not {VERSION}")
    return message
