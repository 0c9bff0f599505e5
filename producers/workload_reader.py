"""Reader of workload files: turns lines into commands, with all the oddities of the customer's files (spec §2).

It streams: memory is bounded for any file. `schema.arguments` judges the arguments; the fast path here only takes lines
that are certainly valid and leaves the rest to it. No broker, no clock.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from producers.workload_input import WorkloadInput
from schema.arguments import AMOUNT, SIGNATURES, SYMBOL, make_command
from schema.bounds import INT64_MAX
from schema.commands import Command, CommandName, command_id
from schema.errors import UnreadableLine
from schema.filenames import is_in_a_persons_folder
from schema.outcomes import Reason

LINE_CHARACTERS_MAX = 4096
"""Maximum characters of a line; a genuine one has about 150. The rest is dropped; a cut argument counts as blank."""

LINE_BYTES_KEPT = 4 * (LINE_CHARACTERS_MAX + 1)
"""Bytes kept of a longer line: enough characters to recognise it as too long."""

CACHED_MAX = 1_000_000
"""Maximum users, and maximum symbols, remembered as valid; files have thousands."""

TEXT_SHOWN_MAX = 80
"""Characters kept of an unreadable line to show it."""

LINE = re.compile(r"[\s\ufeff]*\[\s*([0-9]+)\s*\]\s*([^,]*)(,?)(.*)", re.DOTALL)
DIGITS_MAX = 16
"""Maximum digits of a number on the fast path; so many always fit into 64 bits."""


class Unreadable(NamedTuple):
    """A line, or the end of one, that is no command. It is counted and reported, and the run goes on."""

    line_number: int
    text: str
    why: str


def read_workload(path: Path, source: int) -> Iterator[Command | Unreadable]:
    """Yields the commands of a file in order, like `read_lines`. Raises InputError."""
    with WorkloadInput(str(path)) as workload:
        yield from read_lines(workload.chunks(), source)


def read_lines(chunks: Iterable[bytes], source: int) -> Iterator[Command | Unreadable]:
    r"""Yields the commands of a text in order and skips empty lines. Chunks are UTF-8, lines end with \n.

    A command's id consists of `source` and the line number; transaction numbers may repeat within a file.
    """
    reader = _LineReader(source)
    for number, text in _numbered_lines(chunks):
        command = reader.fast(number, text)
        if command is not None:
            yield command
        else:
            yield from reader.slow(number, text)


def _numbered_lines(chunks: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    number = 0
    for block in _blocks(chunks):
        try:
            lines = block.decode().split("\n")
        except UnicodeDecodeError:
            # surrogateescape turns bad bytes into lone surrogates, so an argument with one is never valid.
            lines = [line.decode(errors="surrogateescape") for line in block.split(b"\n")]
        for line in lines:
            number += 1
            yield number, line


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yields blocks of whole lines without the last newline. Only the beginning of a too long line is kept."""
    rest, skipping = b"", False
    for chunk in chunks:
        whole = chunk
        if skipping:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            whole, skipping = chunk[end:], False
        head, newline, tail = whole.rpartition(b"\n")
        if newline:
            yield rest + head
            rest = tail
        else:
            rest += tail
        if len(rest) > LINE_BYTES_KEPT:
            rest, skipping = rest[:LINE_BYTES_KEPT], True
    if rest:
        yield rest


class _LineReader:
    def __init__(self, source: int):
        self._source = source
        self._id_head = command_id(source, 0)[:8]
        self._users: set[str] = set()
        self._symbols: set[str] = set()

    def fast(self, number: int, text: str) -> Command | None:
        """Returns the command of a well-formed line; None leaves the line to `slow`."""
        head, _, rest = text.partition("] ")
        word, *arguments = rest.rstrip().split(",")
        shape = _FAST.get((word, len(arguments)))
        digits = head[1:]
        if shape is None or head[:1] != "[" or arguments[0] not in self._users:
            return None
        name, with_symbol, with_amount = shape
        symbol = amount_cents = None
        if with_symbol:
            symbol = arguments[1]
            if symbol not in self._symbols:
                return None
        if with_amount:
            whole, _, fraction = arguments[-1].partition(".")
            amount_cents = _positive(whole + fraction)
            if not amount_cents or not whole or len(fraction) != 2:
                return None
        transaction_number = _positive(digits)
        if not transaction_number:
            return None
        command_id = self._id_head + number.to_bytes(8, "big")
        return Command(command_id, transaction_number, name, arguments[0], symbol, amount_cents)

    def slow(self, number: int, text: str) -> Iterator[Command | Unreadable]:
        """Yields the command of any line, valid or not, or an Unreadable; nothing if the line is blank.

        If a line holds several commands, the first one is rejected, and an Unreadable with the others follows it.
        """
        try:
            command = self._command(number, text)
        except UnreadableLine as error:
            if text and not text.isspace():
                yield Unreadable(number, _shown(text), str(error))
            return
        yield command
        if command.defect is not None and (others := _OTHER_COMMANDS.search(text, text.index("]"))):
            yield Unreadable(number, _shown(others[0]), "the line holds several commands; end each with a line end")

    def _command(self, number: int, text: str) -> Command:
        match = LINE.fullmatch(text[:LINE_CHARACTERS_MAX])
        if match is None:
            raise UnreadableLine("it does not begin with a [number]")
        digits, word, comma, rest = match.groups()
        name = _NAMES.get(word.strip())
        if name is None:
            raise UnreadableLine("it names no known command")
        if len(digits.lstrip("0")) > 19 or not 1 <= int(digits) <= INT64_MAX:
            raise UnreadableLine(f"its number is not from 1 to {INT64_MAX}")
        arguments = [argument if _is_text(argument) else "" for argument in rest.split(",")] if comma else []
        if len(text) > LINE_CHARACTERS_MAX:
            arguments[-1:] = [""]
        command = make_command(command_id(self._source, number), int(digits), name, arguments)
        if command.filename and is_in_a_persons_folder(command.filename):
            # A person's folder, which no workload may write into (spec §3a). An invalid file name is not logged.
            command = replace(command, filename=None, defect=command.defect or Reason.BAD_FILE_NAME)
        self._remember(command)
        return command

    def _remember(self, command: Command) -> None:
        if command.user and len(self._users) < CACHED_MAX:
            self._users.add(command.user)
        if command.symbol and len(self._symbols) < CACHED_MAX:
            self._symbols.add(command.symbol)


def _positive(digits: str) -> int:
    """Returns the number that the ASCII digits spell if they certainly fit 64 bits; otherwise 0."""
    return int(digits) if digits.isdecimal() and digits.isascii() and len(digits) <= DIGITS_MAX else 0


def _shown(text: str) -> str:
    return text.strip().encode(errors="surrogateescape").decode(errors="replace")[:TEXT_SHOWN_MAX]


def _is_text(argument: str) -> bool:
    """Whether the argument came from valid UTF-8."""
    return argument.isascii() or not any("\ud800" <= character <= "\udfff" for character in argument)


_NAMES = {name.value: name for name in CommandName}

_OTHER_COMMANDS = re.compile(rf"\[\s*[0-9]+\s*\]\s*(?:{'|'.join(_NAMES)})\b.*", re.DOTALL)

# (word, number of arguments) → name, whether the second argument is a symbol, whether the last is an amount.
_FAST = {
    (name.value, len(form)): (name, SYMBOL in form, AMOUNT in form)
    for name, (form, *_) in SIGNATURES.items()
    if name is not CommandName.DUMPLOG
}
