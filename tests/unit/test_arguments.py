"""Text arguments become a valid command, or a command with a defect and its valid fields (spec §1, §2)."""

import pytest

from schema import codec
from schema.arguments import BY_SHARES, SITE_SIGNATURES, is_root_dumplog, is_sound, make_command
from schema.bounds import FILENAME_CHARACTERS_MAX
from schema.commands import VERSION, Command, CommandBatch, CommandName, command_id
from schema.outcomes import Reason

ID = command_id(1, 1)
ARABIC_TWELVE = "\u0661\u0662"


def made(line: str) -> Command:
    """Makes the command of a line without its number: the name, then the arguments."""
    name, *arguments = line.split(",")
    return make_command(ID, 7, CommandName(name), arguments)


def fields(command: Command) -> tuple:
    return command.user, command.symbol, command.amount_cents, command.filename


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ADD,ann,12.34", ("ann", None, 1_234, None)),
        ("QUOTE,ann,ABC", ("ann", "ABC", None, None)),
        ("BUY,ann,ABC,5", ("ann", "ABC", 500, None)),
        ("COMMIT_BUY,ann", ("ann", None, None, None)),
        ("CANCEL_BUY,ann", ("ann", None, None, None)),
        ("SELL,ann,ABC,5", ("ann", "ABC", 500, None)),
        ("COMMIT_SELL,ann", ("ann", None, None, None)),
        ("CANCEL_SELL,ann", ("ann", None, None, None)),
        ("SET_BUY_AMOUNT,ann,ABC,5", ("ann", "ABC", 500, None)),
        ("SET_BUY_TRIGGER,ann,ABC,5", ("ann", "ABC", 500, None)),
        ("CANCEL_SET_BUY,ann,ABC", ("ann", "ABC", None, None)),
        ("SET_SELL_AMOUNT,ann,ABC,5", ("ann", "ABC", 500, None)),
        ("SET_SELL_TRIGGER,ann,ABC,5", ("ann", "ABC", 500, None)),
        ("CANCEL_SET_SELL,ann,ABC", ("ann", "ABC", None, None)),
        ("DISPLAY_SUMMARY,ann", ("ann", None, None, None)),
        ("DUMPLOG,./log", (None, None, None, "./log")),
        ("DUMPLOG,ann,./log", ("ann", None, None, "./log")),
    ],
)
def test_each_command_takes_the_arguments_of_its_row(line, expected):
    command = made(line)
    assert command.defect is None
    assert fields(command) == expected
    assert is_sound(command)


def test_white_space_around_an_argument_is_not_part_of_it():
    assert fields(made("BUY, ann ,\tabc\t, 5.00 \r\n")) == ("ann", "ABC", 500, None)


@pytest.mark.parametrize("user", ["a", "A" * 64, "j.doe-2@x_y.Z", "0", "-", "."])
def test_a_user_is_1_to_64_of_the_allowed_characters_and_case_sensitive(user):
    assert made(f"COMMIT_BUY,{user}").user == user


@pytest.mark.parametrize("user", ["", "   ", "A" * 65, "a b", "a/b", "a\0b", "é", ARABIC_TWELVE, "a\u200bb", "a\nb"])
def test_any_other_user_is_a_bad_argument(user):
    command = made(f"COMMIT_BUY,{user}")
    assert (command.user, command.defect) == (None, Reason.BAD_ARGUMENTS)


@pytest.mark.parametrize(("text", "symbol"), [("S", "S"), ("abc", "ABC"), ("aBc", "ABC")])
def test_a_symbol_is_one_to_three_letters_and_folded_to_upper_case(text, symbol):
    assert made(f"QUOTE,ann,{text}").symbol == symbol


@pytest.mark.parametrize("text", ["", "ABCD", "A1", "A.B", "É", "\u0131", "\u017f", "\ufb01", "A B", "\uff21"])
def test_any_other_symbol_is_a_bad_argument(text):
    command = made(f"QUOTE,ann,{text}")
    assert (command.user, command.symbol, command.defect) == ("ann", None, Reason.BAD_ARGUMENTS)


@pytest.mark.parametrize("text", ["", " ", "NaN", "1e3", "12.345", "5.", "$5", ARABIC_TWELVE, "1_000", "9" * 40])
def test_a_malformed_amount_is_a_bad_argument_and_the_rest_is_kept(text):
    command = made(f"BUY,ann,ABC,{text}")
    assert command.defect is Reason.BAD_ARGUMENTS
    assert fields(command) == ("ann", "ABC", None, None)


def test_an_amount_with_a_thousands_comma_is_one_argument_too_many():
    assert made("ADD,ann,1,000").defect is Reason.BAD_ARGUMENTS


@pytest.mark.parametrize("name", ["BUY", "SELL", "SET_BUY_AMOUNT", "SET_BUY_TRIGGER", "SET_SELL_AMOUNT"])
@pytest.mark.parametrize("text", ["0", "0.00", "-0", "-5", "-0.01"])
def test_an_amount_that_is_not_positive_is_its_own_reason(name, text):
    command = made(f"{name},ann,ABC,{text}")
    assert command.defect is Reason.AMOUNT_NOT_POSITIVE
    assert fields(command) == ("ann", "ABC", None, None)


@pytest.mark.parametrize("text", ["-354.39", "0"])
def test_adding_nothing_or_less_is_rejected_for_its_amount(text):
    assert made(f"ADD,ann,{text}").defect is Reason.AMOUNT_NOT_POSITIVE


@pytest.mark.parametrize("line", ["ADD,a b,-5", "BUY,ann,ABCD,0", "ADD,ann,-5,x"])
def test_a_bad_argument_is_named_before_an_amount_that_is_not_positive(line):
    assert made(line).defect is Reason.BAD_ARGUMENTS


@pytest.mark.parametrize("name", list(CommandName))
def test_no_argument_at_all_is_a_bad_argument(name):
    command = make_command(ID, 7, name, [])
    assert command.defect is Reason.BAD_ARGUMENTS
    assert fields(command) == (None, None, None, None)


@pytest.mark.parametrize("name", list(CommandName))
def test_blank_arguments_are_bad_ones(name):
    assert make_command(ID, 7, name, [""]).defect is Reason.BAD_ARGUMENTS


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ADD,ann", ("ann", None, None, None)),
        ("ADD,ann,5,6", ("ann", None, 500, None)),
        ("BUY,ann,ABC", ("ann", "ABC", None, None)),
        ("BUY,ann,ABC,5,6", ("ann", "ABC", 500, None)),
        ("COMMIT_BUY,ann,ABC", ("ann", None, None, None)),
        ("DUMPLOG,ann,log,more", ("ann", None, None, "log")),
    ],
)
def test_with_a_wrong_count_valid_arguments_at_their_places_are_kept(line, expected):
    command = made(line)
    assert command.defect is Reason.BAD_ARGUMENTS
    assert fields(command) == expected


def test_a_dumplog_with_a_bad_user_keeps_its_file_name_but_is_not_the_root_dumplog():
    command = made("DUMPLOG,a b,log")
    assert (command.user, command.filename, command.defect) == (None, "log", Reason.BAD_ARGUMENTS)


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb"])
@pytest.mark.parametrize("line", ["ADD,{},5", "QUOTE,ann,{}", "ADD,ann,{}", "DUMPLOG,{}"])
def test_text_that_no_message_can_hold_is_a_bad_argument(line, text):
    """JSON may escape lone surrogates, so they reach the API; UTF-8 cannot encode them."""
    command = made(line.format(text))
    assert command.defect is Reason.BAD_ARGUMENTS
    assert codec.decode_log(codec.encode(CommandBatch(VERSION, 0, [command]))).commands == [command]


def test_a_command_without_a_needed_argument_is_not_sound():
    assert not is_sound(Command(ID, 1, CommandName.BUY, "ann", "ABC"))
    assert not is_sound(Command(ID, 1, CommandName.COMMIT_BUY, "ann", "ABC"))
    assert is_sound(Command(ID, 1, CommandName.BUY, "ann", defect=Reason.BAD_ARGUMENTS))


@pytest.mark.parametrize("line", ["DUMPLOG,{}", "DUMPLOG,ann,{}"])
def test_a_file_name_too_long_for_a_message_is_bad_and_left_out(line):
    """Otherwise the whole message would be undecodable, with all its other commands."""
    command = made(line.format("f" * (FILENAME_CHARACTERS_MAX + 1)))
    assert (command.filename, command.defect) == (None, Reason.BAD_FILE_NAME)
    longest = made(line.format("f" * FILENAME_CHARACTERS_MAX))
    assert (len(longest.filename), longest.defect) == (FILENAME_CHARACTERS_MAX, None)
    for one in (command, longest):
        if not is_root_dumplog(one):
            assert codec.decode_log(codec.encode(CommandBatch(VERSION, 0, [one]))).commands == [one]


def test_a_bad_argument_is_named_before_a_file_name_that_is_too_long():
    assert made(f"DUMPLOG,a b,{'f' * (FILENAME_CHARACTERS_MAX + 1)}").defect is Reason.BAD_ARGUMENTS


# Forms of the site and the API (spec §3a)


def made_by_site(line: str) -> Command:
    name, *arguments = line.split(",")
    return make_command(ID, 7, CommandName(name), arguments, SITE_SIGNATURES[CommandName(name)])


@pytest.mark.parametrize("name", ["BUY", "SELL"])
@pytest.mark.parametrize(
    ("text", "shares"), [("5", 5), (" 12 ", 12), ("+3", 3), ("007", 7), (str(2**63 - 1), 2**63 - 1)]
)
def test_orders_may_name_shares(name, text, shares):
    command = made_by_site(f"{name},ann,abc,{text}")
    assert (command.symbol, command.amount_cents, command.shares, command.defect) == ("ABC", None, shares, None)
    assert is_sound(command)


@pytest.mark.parametrize("text", ["", "1.0", "1e3", "-1", "1,000", ARABIC_TWELVE, str(2**63), "five"])
def test_shares_that_are_no_whole_number_are_malformed(text):
    assert make_command(ID, 7, CommandName.BUY, ["ann", "ABC", text], BY_SHARES).defect is Reason.BAD_ARGUMENTS


def test_no_shares_at_all_are_too_few():
    assert made_by_site("BUY,ann,ABC,0").defect is Reason.AMOUNT_NOT_POSITIVE


@pytest.mark.parametrize("name", ["COMMIT_BUY", "CANCEL_BUY", "COMMIT_SELL", "CANCEL_SELL"])
def test_commits_and_cancels_may_name_their_order(name):
    command = made_by_site(f"{name},ann,12")
    assert (command.order_seq, command.defect) == (12, None)
    assert is_sound(command)
    assert made_by_site(f"{name},ann,0").defect is Reason.BAD_ARGUMENTS


@pytest.mark.parametrize(
    "command",
    [
        Command(ID, 7, CommandName.BUY, "ann", "ABC", 500, shares=5),
        Command(ID, 7, CommandName.QUOTE, "ann", "ABC", shares=5),
        Command(ID, 7, CommandName.ADD, "ann", None, 500, order_seq=5),
        Command(ID, 7, CommandName.SET_BUY_AMOUNT, "ann", "ABC", shares=5),
        Command(ID, 7, CommandName.ADD, "ann", shares=5, defect=Reason.BAD_ARGUMENTS),
        Command(ID, 7, CommandName.BUY, "ann", "ABC", order_seq=5, defect=Reason.BAD_ARGUMENTS),
        Command(ID, 7, CommandName.COMMIT_BUY, "ann", order_seq=5, defect=Reason.NOT_NEWEST_ORDER),
        Command(ID, 7, CommandName.COMMIT_BUY, "ann", defect=Reason.TOO_LITTLE_CASH),
    ],
)
def test_a_command_with_a_field_that_its_name_does_not_call_for_is_not_sound(command):
    assert not is_sound(command)
