"""The workload reader handles every oddity of the customer's files (spec §2)."""

import pytest

from producers.workload_input import CHUNK_BYTES
from producers.workload_reader import LINE_CHARACTERS_MAX, Unreadable, read_workload
from schema.bounds import INT64_MAX
from schema.commands import Command, CommandName, command_id
from schema.outcomes import Reason

SOURCE = 7
HUGE = "9" * 1_000_000


@pytest.fixture
def read(tmp_path):
    """Reads the commands of a file with this content."""

    def read_content(content: str | bytes) -> list[Command | Unreadable]:
        path = tmp_path / "workload.txt"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return list(read_workload(path, SOURCE))

    return read_content


def _contents(command: Command) -> tuple:
    assert isinstance(command, Command), command
    return (command.name, command.user, command.symbol, command.amount_cents, command.filename, command.defect)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ADD,u.1@x-_,63511.53", ("ADD", "u.1@x-_", None, 6_351_153, None, None)),
        ("QUOTE,u,S", ("QUOTE", "u", "S", None, None, None)),
        ("BUY,u,ABC,276.8", ("BUY", "u", "ABC", 27_680, None, None)),
        ("BUY,u,ABC,276", ("BUY", "u", "ABC", 27_600, None, None)),
        ("BUY,u,ABC,+276.00", ("BUY", "u", "ABC", 27_600, None, None)),
        ("SELL,u,abc,0.01", ("SELL", "u", "ABC", 1, None, None)),
        ("COMMIT_BUY,u", ("COMMIT_BUY", "u", None, None, None, None)),
        ("SET_SELL_TRIGGER, u , abc ,\t30.04", ("SET_SELL_TRIGGER", "u", "ABC", 3004, None, None)),
        ("CANCEL_SET_BUY,u,S", ("CANCEL_SET_BUY", "u", "S", None, None, None)),
        ("DUMPLOG,u,./userLOG", ("DUMPLOG", "u", None, None, "./userLOG", None)),
        ("DUMPLOG,./testLOG", ("DUMPLOG", None, None, None, "./testLOG", None)),
        ("ADD,u,92233720368547758.07", ("ADD", "u", None, INT64_MAX, None, None)),
    ],
)
def test_sound_commands(read, text, expected):
    # The second time, user and symbol are known.
    first, second = read(f"[1] {text} \n[2] {text}\n")
    assert _contents(first) == _contents(second) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ADD,u,-73280.58", ("ADD", "u", None, None, None, Reason.AMOUNT_NOT_POSITIVE)),
        ("ADD,u,0.00", ("ADD", "u", None, None, None, Reason.AMOUNT_NOT_POSITIVE)),
        ("ADD,u,", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,  ", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,1e3", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,NaN", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,12.345", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,.50", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,5.", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,1_0.00", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,٣٤.٥٦", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,1,000.00", ("ADD", "u", None, 100, None, Reason.BAD_ARGUMENTS)),
        ("ADD,u,92233720368547758.08", ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("ADD", ("ADD", None, None, None, None, Reason.BAD_ARGUMENTS)),
        ("BUY,u,S", ("BUY", "u", "S", None, None, Reason.BAD_ARGUMENTS)),
        ("BUY,u,LONG,5.00", ("BUY", "u", None, 500, None, Reason.BAD_ARGUMENTS)),
        ("BUY,u,ı,5.00", ("BUY", "u", None, 500, None, Reason.BAD_ARGUMENTS)),
        ("BUY,,S,5.00", ("BUY", None, "S", 500, None, Reason.BAD_ARGUMENTS)),
        ("BUY,u v,S,5.00", ("BUY", None, "S", 500, None, Reason.BAD_ARGUMENTS)),
        (f"BUY,{'u' * 65},S,5.00", ("BUY", None, "S", 500, None, Reason.BAD_ARGUMENTS)),
        ("COMMIT_BUY,u,", ("COMMIT_BUY", "u", None, None, None, Reason.BAD_ARGUMENTS)),
        ("DUMPLOG", ("DUMPLOG", None, None, None, None, Reason.BAD_ARGUMENTS)),
        ("DUMPLOG,", ("DUMPLOG", None, None, None, None, Reason.BAD_ARGUMENTS)),
    ],
)
def test_bad_arguments_still_make_a_command_with_what_is_valid(read, text, expected):
    commands = read(f"[1] ADD,u,1.00\n[2] BUY,u,S,1.00\n[3] {text}\n[4] {text} ")
    assert _contents(commands[2]) == _contents(commands[3]) == expected


@pytest.mark.parametrize(
    "line",
    [
        "[5] ADD,u,1.00",
        "[5] ADD,u,1.00 ",
        "[5] ADD,u,1.00   ",
        "[5] ADD,u,1.00\r",
        "[5] ADD,u,1.00 \r",
        "  [5]  ADD,u,1.00\t",
        "[5]ADD,u,1.00",
        "[ 5 ] ADD ,u,1.00",
        "[0005] ADD,u,1.00",
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\n\n \r\n"])
def test_white_space_and_line_ends_do_not_matter(read, line, end):
    assert [(_contents(c), c.transaction_number) for c in read(line + end)] == [
        (("ADD", "u", None, 100, None, None), 5)
    ]


@pytest.mark.parametrize(
    "line",
    [
        "ADD,u,1.00",
        "[] ADD,u,1.00",
        "[0] ADD,u,1.00",
        "[-1] ADD,u,1.00",
        "[+1] ADD,u,1.00",
        "[1_0] ADD,u,1.00",
        "[٣] ADD,u,1.00",
        f"[{INT64_MAX + 1}] ADD,u,1.00",
        f"[{HUGE}] ADD,u,1.00",
        "[1] add,u,1.00",
        "[1] GIVE,u,1.00",
        "[1]",
        "[1] ",
        "[1] ,u",
        "hello",
        HUGE,
    ],
)
def test_an_unreadable_line_is_reported_with_its_number_and_stops_nothing(read, line):
    before, unreadable, after = read(f"[1] ADD,u,1.00\n{line}\n[3] ADD,u,2.00\n")
    assert isinstance(unreadable, Unreadable)
    assert unreadable.line_number == 2
    assert unreadable.why
    assert line.strip().startswith(unreadable.text)
    assert (before.amount_cents, after.amount_cents) == (100, 200)


def test_the_id_of_a_command_is_its_line_number_whatever_number_the_line_bears(read):
    commands = read("\ufeff\n[9] ADD,u,1.00\n\n[9] ADD,u,1.00\nnonsense\n[9] COMMIT_BUY,u")
    assert [c.command_id for c in commands if isinstance(c, Command)] == [command_id(SOURCE, n) for n in (2, 4, 6)]
    assert [c.transaction_number for c in commands if isinstance(c, Command)] == [9, 9, 9]


def test_a_byte_order_mark_is_passed_over(read):
    assert [_contents(c)[0] for c in read("\ufeff[1] ADD,u,1.00\n")] == ["ADD"]


@pytest.mark.parametrize("content", ["", "\n", "\ufeff", " \r\n\r\n", " " * 10_000_000])
def test_a_file_of_nothing_has_no_commands(read, content):
    assert read(content) == []


def test_bytes_that_are_not_utf_8_spoil_only_their_argument(read):
    content = b"[1] ADD,u,1.00 \n[2] BUY,u\xff,S,5.00 \n[3] DUMPLOG,u,./a\xc3 \n[4] ADD\xff,u,1.00\n[5] QUOTE,u,S \n"
    *commands, unreadable, last = read(content)
    assert [_contents(c) for c in commands] == [
        ("ADD", "u", None, 100, None, None),
        ("BUY", None, "S", 500, None, Reason.BAD_ARGUMENTS),
        ("DUMPLOG", "u", None, None, None, Reason.BAD_ARGUMENTS),
    ]
    assert (unreadable.line_number, unreadable.text) == (4, "[4] ADD\ufffd,u,1.00")
    assert _contents(last) == ("QUOTE", "u", "S", None, None, None)


@pytest.mark.parametrize("length", [LINE_CHARACTERS_MAX, CHUNK_BYTES, 5 * CHUNK_BYTES + 3])
@pytest.mark.parametrize("character", ["9", "é", " x"])
def test_the_complete_arguments_of_a_huge_line_are_kept(read, length, character):
    huge, after = read(f"[1] DUMPLOG,u,{character * length}\n[2] ADD,u,1.00\n")
    assert _contents(huge) == ("DUMPLOG", "u", None, None, None, Reason.BAD_ARGUMENTS)
    assert (_contents(after), after.command_id) == (("ADD", "u", None, 100, None, None), command_id(SOURCE, 2))


@pytest.mark.parametrize("between", [" ", "", "\t", "\x85", "\u2028", "\x0c"])
def test_commands_that_share_a_line_are_reported_and_not_only_the_first_one_rejected(read, between):
    """`echo $(cat file)` writes such lines, and so do systems with other line ends."""
    lines = ["[1] ADD,u,1.00", "[2] QUOTE,u,ABC", "[3] COMMIT_BUY,u"]
    first, others, after = read(f"{between.join(lines)}\n[4] ADD,u,1.00\n")
    assert _contents(first) == ("ADD", "u", None, None, None, Reason.BAD_ARGUMENTS)
    assert (others.line_number, others.text) == (1, between.join(lines[1:]))
    assert _contents(after)[0] == "ADD"


def test_brackets_in_bad_arguments_are_no_second_command(read):
    assert [_contents(c)[0] for c in read("[1] ADD,[2],x\n[1] DUMPLOG,u,log [2] ADDS\n[1] BUY,u,S,[9] add\n")] == [
        *("ADD", "DUMPLOG", "BUY")
    ]


def test_lines_come_out_whole_wherever_a_read_ends(read):
    lines = [f"[{n}] ADD,user{n % 97},{n}.25 \n" for n in range(1, 40_001)]
    content = "".join(lines)
    assert len(content) > 3 * CHUNK_BYTES
    commands = read(content)
    assert [c.transaction_number for c in commands] == list(range(1, 40_001))
    assert all(c.amount_cents == c.transaction_number * 100 + 25 and c.defect is None for c in commands)


def test_all_sixteen_commands_are_known(read):
    commands = read("".join(f"[1] {name},u\n" for name in CommandName))
    assert [c.name for c in commands] == list(CommandName)


@pytest.mark.parametrize("line", ["DUMPLOG,u,~u/log", "DUMPLOG,u,~bob/log", "DUMPLOG,~bob/log", "DUMPLOG,./~bob/log"])
def test_a_dumplog_never_writes_into_a_persons_folder(read, line):
    (command,) = read(f"[1] {line}")
    assert (command.defect, command.filename) == (Reason.BAD_FILE_NAME, None)


def test_a_dumplog_may_have_a_tilde_elsewhere(read):
    (command,) = read("[1] DUMPLOG,u,logs/~u")
    assert (command.defect, command.filename) == (None, "logs/~u")
