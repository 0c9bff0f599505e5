"""Fuzz targets: functions that take any bytes, and fail if the code under test breaks its contract.

`python -m tests.fuzz` drives them by coverage (atheris), and tests/property/test_fuzz_targets.py with seeded
mutations. No I/O, no randomness.
"""

import contextlib
from collections.abc import Callable

from consumers.audit.dump_xml import AuditRow, element
from producers.workload_reader import Unreadable, read_lines
from quotecache.protocol import parse_answer
from schema import codec
from schema.arguments import SIGNATURES, SITE_SIGNATURES, is_root_dumplog, is_sound, make_command
from schema.bounds import INT64_MAX
from schema.commands import VERSION, Command, CommandBatch, CommandName, DumpMarker
from schema.errors import DecodeError, QuoteError
from schema.events import AuditKind
from tests.builders import T0

CHUNKS = (29, 100_000)
"""Sizes in bytes of the chunks in which the reader gets a text: the commands must not depend on them."""

QUOTE_SYMBOL, QUOTE_USER = "ABC", "ann"
"""Request that the fuzzed answers of the quote server belong to."""

FORMS = [(name, None, form) for name, forms in SIGNATURES.items() for form in forms]
FORMS += [(name, form, form) for name, form in SITE_SIGNATURES.items()]

DECODERS: tuple[Callable[[bytes], object], ...] = (
    codec.decode_log,
    codec.decode_audit,
    codec.decode_prices,
    codec.decode_request,
    codec.decode_triggers,
    codec.decode_replies,
    codec.decode_accounts_changed,
)


def reader(data: bytes) -> None:
    """Any text is read as commands that can be published, whatever the sizes of its chunks."""
    read = [list(read_lines(_chunks(data, size), 7)) for size in CHUNKS]
    assert read[0] == read[1]
    for one in read[0]:
        if not isinstance(one, Unreadable):
            _can_be_published(one)


def message_decoders(data: bytes) -> None:
    """Any bytes either raise DecodeError or decode to a message that encodes and decodes to itself."""
    for decode in DECODERS:
        with contextlib.suppress(DecodeError):
            message = decode(data)
            assert decode(codec.encode(message)) == message
            if decode is codec.decode_audit:
                for entry in message.entries:
                    if entry.kind is not AuditKind.MARKER:
                        element(AuditRow(message.source, *(getattr(entry, field) for field in AuditRow._fields[1:])))


def quote_answers(data: bytes) -> None:
    """Any answer of a quote server either raises QuoteError or is a quote that can be stored."""
    with contextlib.suppress(QuoteError):
        line = parse_answer(data, QUOTE_SYMBOL, QUOTE_USER)
        assert 0 < line.price_cents <= INT64_MAX
        assert 0 <= line.quote_server_time <= INT64_MAX
        assert line.cryptokey.isprintable() and line.cryptokey.isascii()


def arguments(data: bytes) -> None:
    """Any arguments make a command that can be published. The first byte chooses the command and its form."""
    if not data:
        return
    name, site_form, _ = FORMS[data[0] % len(FORMS)]
    texts = data[1:].decode(errors="surrogateescape").split(",")
    if site_form is None or len(texts) == len(site_form):
        _can_be_published(make_command(bytes(16), 1, name, texts, site_form))


TARGETS: dict[str, Callable[[bytes], None]] = {
    function.__name__: function for function in (reader, message_decoders, quote_answers, arguments)
}


def _chunks(data: bytes, size: int) -> list[bytes]:
    return [data[begin : begin + size] for begin in range(0, len(data), size)]


def _can_be_published(command: Command) -> None:
    assert is_sound(command), command
    message = DumpMarker(VERSION, T0, command) if is_root_dumplog(command) else CommandBatch(VERSION, T0, [command])
    assert codec.decode_log(codec.encode(message)) == message


assert {name for name, *_ in FORMS} == set(CommandName)
