"""Everything that the engine and the quote cache can emit, up to the bounds of every field. No I/O, no clock."""

import string

from hypothesis import strategies as st

from consumers.transactions import engine
from consumers.transactions.account import apply
from consumers.transactions.outgoing import messages_of, news_of
from consumers.transactions.verdict import NO_QUOTE
from quotecache.fetch import ABANDONED, Failure, Fetch, Settled
from quotecache.protocol import parse_answer
from rabbitmq.publisher import Outgoing
from schema.arguments import SIGNATURES, SITE_SIGNATURES, is_root_dumplog, make_command
from schema.bounds import INT64_MAX, MILLISECONDS_MAX
from schema.commands import NO_USER, VERSION, Allowances, Command, CommandName, command_id
from schema.errors import QuoteError
from schema.events import PriceRequest
from schema.filenames import own_folder
from schema.money import CENTS_MAX, format_cents
from tests.builders import T0, Trader, a_fill, a_quote

REPLY_TO = "amq.gen-a"
PARTITION = 3

text = st.text(st.characters(codec="utf-8"), max_size=8)
numbers = st.sampled_from([1, 99, 2**62 // 130, 2**62, INT64_MAX]) | st.integers(1, INT64_MAX)
users = st.text(string.ascii_letters + string.digits + "_.@-", min_size=1, max_size=64)
symbols = st.sampled_from(["A", "ZZZ"])
prices = st.sampled_from([1, 101, 499_900, 2**61, INT64_MAX])
waits = st.sampled_from([0, 0, 0, 60_000, -3_600_000])
filenames = text | st.sampled_from(["log", "./log", "a/b", "f" * 100, "é" * 100, "f" * 1_001, "..", "a\0b", "\u2028"])
odd = st.integers(0, 15)
"""0 is the rare case, one in sixteen."""


def _mostly(usual: st.SearchStrategy, rare: st.SearchStrategy = text) -> st.SearchStrategy:
    return odd.flatmap(lambda number: usual if number else rare)


values = {
    "symbol": _mostly(symbols),
    "amount_cents": _mostly(numbers.map(format_cents)),
    "filename": filenames,
    "shares": _mostly(numbers.map(str)),
    "order_seq": _mostly(st.integers(1, 20).map(str)),
}
forms = [(name, form, None) for name, all_forms in SIGNATURES.items() for form in all_forms]
forms += [(name, form, form) for name, form in SITE_SIGNATURES.items()]

BEGINNING = (
    ("ADD", "20000000000000000.00"),
    ("BUY", "A", "1000000.00"),
    ("COMMIT_BUY",),
    ("BUY", "A", "5.00"),
    ("SELL", "A", "5.00"),
    ("SET_BUY_AMOUNT", "A", "1000.00"),
    ("SET_BUY_TRIGGER", "A", "5.00"),
    ("SET_SELL_AMOUNT", "A", "1000.00"),
    ("SET_SELL_TRIGGER", "A", "5.00"),
)
"""Commands after which a user has cash and shares, and an order of each kind pending or armed."""


@st.composite
def commands(draw, user: str, number: int) -> Command:
    """Draws a command, made from text arguments as publishers make it."""
    name, form, site_form = draw(st.sampled_from(forms))
    arguments = [user if field == "user" else draw(values[field]) for field in form]
    if name is CommandName.DUMPLOG and draw(st.booleans()):
        arguments[-1] = own_folder(user) + arguments[-1]
    if draw(odd) == 0:
        arguments, site_form = draw(st.lists(text, max_size=4)), None
    command = make_command(command_id(5, number), draw(numbers), name, arguments, site_form)
    allowances = draw(st.none() | st.just(Allowances(1, 1)))
    return Command(*(getattr(command, field) for field in Command.__struct_fields__[:-1]), allowances)


@st.composite
def lives(draw) -> Trader:
    """Draws a user's commands and fills, and runs them through the engine into `batch.outputs[PARTITION]`."""
    user = draw(users)
    trader = Trader(cash=None, user=user)
    batch, account = trader.batch, trader.account
    for number in range(len(BEGINNING) + draw(st.integers(1, 12))):
        if number < len(BEGINNING):
            name, *arguments = BEGINNING[number]
            command = make_command(command_id(5, number), 1, CommandName(name), [user, *arguments])
        else:
            command = draw(commands(user, number))
        if is_root_dumplog(command):
            batch.add_marker(PARTITION, command, trader.now_ms)
        if command.user not in (None, user):
            continue  # a drawn argument is in the user's place, so it is another user's command
        _expire(trader)
        price = 101 if number < len(BEGINNING) else draw(prices)
        quote = a_quote(price, command.symbol or "A", trader.now_ms, cause=(draw(numbers), user))
        given = None
        if command.name in engine.NEEDS_QUOTE:
            given = quote if number < len(BEGINNING) or draw(odd) else NO_QUOTE
        decision = engine.decide(account, command, given, trader.now_ms)
        batch.add_command(PARTITION, account, command, trader.applied(decision, command.command_id, T0), [REPLY_TO])
        if number < len(BEGINNING):
            continue
        for order in list(account.triggers.values()):
            fill = a_fill(draw(prices), order.version, order.side, order.symbol, user, trader.now_ms, draw(numbers))
            filled = engine.decide_fill(account, fill, trader.now_ms)
            if filled is not None:
                batch.add_fill(PARTITION, account, trader.applied(filled, fill.command_id, T0))
        trader.waits(draw(waits))
    _expire(trader)
    return trader


def announcements_of(trader: Trader) -> list[Outgoing]:
    """Returns the messages that announce what a user's commands and fills did."""
    output = trader.batch.outputs[PARTITION]
    return messages_of(PARTITION, output, 1) + news_of(PARTITION, output)


requests = st.builds(
    PriceRequest, st.just(VERSION), symbols, users, numbers, st.booleans(), st.none() | numbers
) | st.builds(PriceRequest, st.just(VERSION), symbols, st.just(NO_USER), numbers, st.booleans())

_reasons = st.sampled_from(["not sent: no connection", "silence for 5000 ms", "Multiple exceptions: " * 99])
_failures = st.just(ABANDONED) | st.builds(Failure, _reasons, paid=st.booleans())


@st.composite
def settled(draw) -> Settled:
    """Draws a fetch that has ended: with any answer of the quote server, or with any failure."""
    request = draw(requests)
    fetch = Fetch(draw(numbers), request, draw(st.integers(0, MILLISECONDS_MAX)))
    price = format_cents(draw(st.sampled_from([0, 1, 101, 499_900, CENTS_MAX])))
    timestamp = draw(st.integers(0, 10**19).map(str) | text)
    key = draw(st.text(string.printable, max_size=56) | st.just("k" * 400))
    line = f"{price},{fetch.symbol},{fetch.sender},{timestamp},{key}\n".encode() + draw(st.binary(max_size=2))
    try:
        outcome = parse_answer(draw(st.just(line) | st.binary(max_size=200)), fetch.symbol, fetch.sender)
    except QuoteError as error:
        outcome = draw(_failures | st.just(Failure(str(error), paid=True)))
    return Settled(fetch, draw(st.integers(0, MILLISECONDS_MAX)), outcome)


def _expire(trader: Trader) -> None:
    for order in engine.due(trader.account, trader.now_ms):
        decision = engine.expire(order)
        apply(trader.account, decision)
        trader.batch.add_expiry(PARTITION, trader.account, trader.now_ms, decision)
