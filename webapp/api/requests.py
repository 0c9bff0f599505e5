"""Requests of the API: one struct per command, and the parameters of the lists. They only turn
requests into arguments.

Arguments are texts, as in a workload file. A bad one (not an amount, not a symbol) makes the command's outcome
`rejected` for `bad_arguments`, logged like any other. The API refuses only what does not have the form of a command.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, cast, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType

from schema.arguments import BY_SHARES, OF_ORDER
from schema.commands import CommandName
from schema.money import CENTS_MAX, format_cents
from schema.outcomes import HistoryKind
from webapp import tokens
from webapp.bounds import LetterNumber, Page, Seq, SymbolLetters, TimeMs, WaitMs
from webapp.reads import HistoryFilter
from webapp.reads.history import SIZE_MAX

Amount = Annotated[str, Meta(max_length=40, description="Dollars, with at most two decimals.", examples=["100.00"])]
WHOLE_MAX = 2**53 - 1
"""Limit up to which a float represents every whole number exactly. JSON has one kind of number, so 5.0 means 5."""

Shares = Annotated[
    float, Meta(ge=1, le=WHOLE_MAX, multiple_of=1, description="Whole shares, instead of an amount.", examples=[5])
]
OrderSeq = Annotated[
    float,
    Meta(
        ge=1,
        le=WHOLE_MAX,
        multiple_of=1,
        description="The order to act on, by the `seq` of its BUY or SELL. Default: the newest.",
    ),
]
Price = Annotated[str, Meta(max_length=40, description="Dollars per share.", examples=["12.34"])]
SymbolText = Annotated[str, Meta(max_length=20, description="1 to 3 letters.", examples=["ABC"])]
FileName = Annotated[
    str,
    Meta(max_length=200, description="A relative path; the file goes into your own folder.", examples=["log.xml"]),
]


_DOLLARS = re.compile(r"\s*\+?([0-9]+)(?:\.([0-9]{1,2}))?\s*")


class CommandBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command"):
    """Body that gives a command. `arguments` returns the texts after the user."""

    def __post_init__(self) -> None:
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not UNSET}
        for name, fault in self.broken_rules(given):
            raise ValueError(f"{name}: {fault}")

    @classmethod
    def broken_rules(cls, given: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        """Names and faults of fields that break a rule beyond their types. `given`: the fields that the body has."""
        for name in ("amount", "price"):
            value = given.get(name)
            dollars = _DOLLARS.fullmatch(value) if isinstance(value, str) else None
            if dollars and int(dollars[1] + (dollars[2] or "").ljust(2, "0")) > CENTS_MAX:
                yield name, f"is more than {format_cents(CENTS_MAX)} dollars, the most that a command can name"

    def arguments(self) -> list[str]:
        return [getattr(self, name) for name in self.__struct_fields__]

    def form(self) -> tuple[str, ...] | None:
        """Names of the arguments, if they differ from those of a workload file (`schema.arguments`)."""
        return None


class OrderBody(CommandBody, frozen=True, forbid_unknown_fields=True):
    """Body of a BUY or SELL, for an amount or for a number of shares."""

    symbol: SymbolText
    amount: Amount | UnsetType = UNSET
    shares: Shares | UnsetType = UNSET

    ONE_OF: ClassVar = ("amount", "shares")

    @classmethod
    def broken_rules(cls, given: Mapping[str, object]) -> Iterator[tuple[str, str]]:
        yield from super().broken_rules(given)
        if ("amount" in given) == ("shares" in given):
            yield "shares" if "amount" in given else "amount", "give `amount` or `shares`, not both"

    def arguments(self) -> list[str]:
        return [self.symbol, self.amount if isinstance(self.amount, str) else str(int(cast(float, self.shares)))]

    def form(self) -> tuple[str, ...] | None:
        return BY_SHARES if self.amount is UNSET else None


class ClosingBody(CommandBody, frozen=True, forbid_unknown_fields=True):
    """Body of a COMMIT or CANCEL of the newest pending order; an order that it names must be the newest."""

    order: OrderSeq | UnsetType = UNSET

    def arguments(self) -> list[str]:
        return [] if self.order is UNSET else [str(int(self.order))]

    def form(self) -> tuple[str, ...] | None:
        return None if self.order is UNSET else OF_ORDER


class Add(CommandBody, frozen=True, tag="ADD"):
    """Add funds."""

    amount: Amount


class GetQuote(CommandBody, frozen=True, tag="QUOTE"):
    """Get a price that is good for 60 seconds from when it was requested; it may have to be paid for."""

    symbol: SymbolText


class Buy(OrderBody, frozen=True, tag="BUY"):
    """Reserve cash for as many whole shares as the amount buys, or for `shares`; commit within 60 seconds."""


class CommitBuy(ClosingBody, frozen=True, tag="COMMIT_BUY"):
    """Execute the newest pending BUY; with `order`, only if that is the newest."""


class CancelBuy(ClosingBody, frozen=True, tag="CANCEL_BUY"):
    """Release the newest pending BUY; with `order`, only if that is the newest."""


class Sell(OrderBody, frozen=True, tag="SELL"):
    """Reserve as many whole shares as the amount is worth, or `shares`; commit within 60 seconds."""


class CommitSell(ClosingBody, frozen=True, tag="COMMIT_SELL"):
    """Execute the newest pending SELL; with `order`, only if that is the newest."""


class CancelSell(ClosingBody, frozen=True, tag="CANCEL_SELL"):
    """Release the newest pending SELL; with `order`, only if that is the newest."""


class SetBuyAmount(CommandBody, frozen=True, tag="SET_BUY_AMOUNT"):
    """Reserve cash for a buy trigger."""

    symbol: SymbolText
    amount: Amount


class SetBuyTrigger(CommandBody, frozen=True, tag="SET_BUY_TRIGGER"):
    """Arm the buy trigger: it fires when a quote is at or below the price."""

    symbol: SymbolText
    price: Price


class CancelSetBuy(CommandBody, frozen=True, tag="CANCEL_SET_BUY"):
    """Drop the buy trigger and release its cash."""

    symbol: SymbolText


class SetSellAmount(CommandBody, frozen=True, tag="SET_SELL_AMOUNT"):
    """Set the amount that a sell trigger sells, in dollars."""

    symbol: SymbolText
    amount: Amount


class SetSellTrigger(CommandBody, frozen=True, tag="SET_SELL_TRIGGER"):
    """Reserve the shares and arm the sell trigger: it fires when a quote is at or above the price."""

    symbol: SymbolText
    price: Price


class CancelSetSell(CommandBody, frozen=True, tag="CANCEL_SET_SELL"):
    """Drop the sell trigger and release its shares."""

    symbol: SymbolText


class DisplaySummary(CommandBody, frozen=True, tag="DISPLAY_SUMMARY"):
    """Show the account, its pending and trigger orders, and the last 20 rows of its history."""


class Dumplog(CommandBody, frozen=True, tag="DUMPLOG"):
    """Write your log to a file; with `whole`, as an administrator, the log of all users."""

    filename: FileName
    whole: bool = False

    def arguments(self) -> list[str]:
        return [self.filename, *(["all"] if self.whole else [])]


AnyCommand = (
    Add | GetQuote | Buy | CommitBuy | CancelBuy | Sell | CommitSell | CancelSell | SetBuyAmount | SetBuyTrigger
    | CancelSetBuy | SetSellAmount | SetSellTrigger | CancelSetSell | DisplaySummary | Dumplog
)  # fmt: skip


class Waiting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query parameters of calls that wait. `wait`: longest wait for the outcome, in ms."""

    wait: WaitMs = 0


Key = Annotated[
    str,
    Meta(
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="Idempotency key: new for each command, the same when it is sent again.",
    ),
]


class Keyed(msgspec.Struct, frozen=True):
    """Headers of a command. `Idempotency-Key`: chosen by the client, new for each command, the same for a retry."""

    key: Key | None = msgspec.field(default=None, name="Idempotency-Key")


Kind = Literal[
    "command", "fill", "expiry",
    "ADD", "QUOTE", "BUY", "COMMIT_BUY", "CANCEL_BUY", "SELL", "COMMIT_SELL", "CANCEL_SELL",
    "SET_BUY_AMOUNT", "SET_BUY_TRIGGER", "CANCEL_SET_BUY", "SET_SELL_AMOUNT", "SET_SELL_TRIGGER", "CANCEL_SET_SELL",
    "DISPLAY_SUMMARY", "DUMPLOG",
]  # fmt: skip
"""Kind of history rows, or the name of a command."""

assert {*get_args(Kind)} == {*HistoryKind, *CommandName}


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Filter of the history's rows. Times are inclusive, in ms since the epoch."""

    kind: Kind | None = None
    symbol: SymbolLetters | None = None
    from_ms: TimeMs | None = None
    to_ms: TimeMs | None = None

    def chosen(self) -> HistoryFilter:
        """The filter that `webapp.reads` takes."""
        return HistoryFilter(self.kind, self.symbol.upper() if self.symbol else None, self.from_ms, self.to_ms)


class HistoryPageQuery(HistoryQuery, frozen=True, forbid_unknown_fields=True):
    """Filter of the history's rows, and the page of them: its number, or `before`, `next_before` of the page before."""

    page: Page = 1
    before: Seq | None = None
    size: Annotated[int, Meta(ge=1, le=SIZE_MAX)] = 50


class DeadLettersQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Page of dead letters. `after`: only letters after this number, which is `next_after` of the previous page."""

    after: LetterNumber = 0


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Beginning of a period. `from_ms`: the earliest time, in ms since the epoch."""

    from_ms: TimeMs = 0


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Name and password of the token's owner, a name for the token, its scope, and the days until it expires.

    `scope`: read allows GET requests only; trade allows all.
    """

    user: Annotated[str, Meta(max_length=64)]
    password: Annotated[str, Meta(max_length=200)]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    scope: tokens.Scope = "trade"
    days: Annotated[float, Meta(ge=1, le=tokens.LIFETIME_DAYS_MAX, multiple_of=1)] = tokens.LIFETIME_DAYS
