"""What the API is told: one struct per command, and the parameters of the lists. No behaviour but their own texts.

Arguments are texts, as in a workload file: what is wrong with one (no money, no symbol) is the command's outcome,
`rejected` for `bad_arguments`, and is in the log like any other. Only what has not the form of a command is refused.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from webapp.reads import HistoryFilter

Amount = Annotated[str, Meta(max_length=40, description="Dollars, with at most two decimals.", examples=["100.00"])]
Price = Annotated[str, Meta(max_length=40, description="Dollars a share.", examples=["12.34"])]
SymbolText = Annotated[str, Meta(max_length=20, description="1 to 3 letters.", examples=["ABC"])]
FileName = Annotated[
    str,
    Meta(max_length=200, description="A relative path; the file goes into your own folder.", examples=["log.xml"]),
]


class CommandBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command"):
    """`arguments`: the texts after the user."""

    def arguments(self) -> list[str]:
        return [getattr(self, name) for name in self.__struct_fields__]


class Add(CommandBody, tag="ADD"):
    """Add funds."""

    amount: Amount


class Quote(CommandBody, tag="QUOTE"):
    """Get a price that is good for 60 seconds from when it was asked for; it may cost a paid hit."""

    symbol: SymbolText


class Buy(CommandBody, tag="BUY"):
    """Reserve cash for as many whole shares as the amount buys; commit within 60 seconds."""

    symbol: SymbolText
    amount: Amount


class CommitBuy(CommandBody, tag="COMMIT_BUY"):
    """Execute the newest pending BUY."""


class CancelBuy(CommandBody, tag="CANCEL_BUY"):
    """Release the newest pending BUY."""


class Sell(CommandBody, tag="SELL"):
    """Reserve as many whole shares as are worth the amount; commit within 60 seconds."""

    symbol: SymbolText
    amount: Amount


class CommitSell(CommandBody, tag="COMMIT_SELL"):
    """Execute the newest pending SELL."""


class CancelSell(CommandBody, tag="CANCEL_SELL"):
    """Release the newest pending SELL."""


class SetBuyAmount(CommandBody, tag="SET_BUY_AMOUNT"):
    """Reserve cash for a buy trigger."""

    symbol: SymbolText
    amount: Amount


class SetBuyTrigger(CommandBody, tag="SET_BUY_TRIGGER"):
    """Arm the buy trigger: it fires when a quote is at or below the price."""

    symbol: SymbolText
    price: Price


class CancelSetBuy(CommandBody, tag="CANCEL_SET_BUY"):
    """Drop the buy trigger and release its cash."""

    symbol: SymbolText


class SetSellAmount(CommandBody, tag="SET_SELL_AMOUNT"):
    """Say what a sell trigger is to sell, in dollars."""

    symbol: SymbolText
    amount: Amount


class SetSellTrigger(CommandBody, tag="SET_SELL_TRIGGER"):
    """Reserve the shares and arm the sell trigger: it fires when a quote is at or above the price."""

    symbol: SymbolText
    price: Price


class CancelSetSell(CommandBody, tag="CANCEL_SET_SELL"):
    """Drop the sell trigger and release its shares."""

    symbol: SymbolText


class DisplaySummary(CommandBody, tag="DISPLAY_SUMMARY"):
    """The account, what stands, and the last 20 rows of its history."""


class Dumplog(CommandBody, tag="DUMPLOG"):
    """Write your log to a file; with `whole`, as an administrator, the log of all users."""

    filename: FileName
    whole: bool = False

    def arguments(self) -> list[str]:
        return [self.filename, *(["all"] if self.whole else [])]


AnyCommand = (
    Add | Quote | Buy | CommitBuy | CancelBuy | Sell | CommitSell | CancelSell | SetBuyAmount | SetBuyTrigger
    | CancelSetBuy | SetSellAmount | SetSellTrigger | CancelSetSell | DisplaySummary | Dumplog
)  # fmt: skip


class Waiting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`wait`: how long to wait for the outcome, in ms."""

    wait: Annotated[int, Meta(ge=0, le=10_000)] = 0


class Keyed(msgspec.Struct, frozen=True):
    """`Idempotency-Key`: anything of your own that is new for each command: sent again, it is not done again."""

    key: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}$")] | None = msgspec.field(
        default=None, name="Idempotency-Key"
    )


TimeMs = Annotated[int, Meta(ge=0, le=2**53)]
Kind = Annotated[
    str,
    Meta(pattern="^[A-Za-z_]{1,20}$", description="command, fill, expiry, or the name of a command.", examples=["BUY"]),
]


class HistoryQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows. Times are inclusive, in ms since the epoch."""

    kind: Kind | None = None
    symbol: Annotated[str, Meta(pattern="^[A-Za-z]{1,3}$")] | None = None
    from_ms: TimeMs | None = None
    to_ms: TimeMs | None = None

    def chosen(self) -> HistoryFilter:
        """As `webapp.reads` takes it."""
        return HistoryFilter(self.kind, self.symbol.upper() if self.symbol else None, self.from_ms, self.to_ms)


class HistoryPageQuery(HistoryQuery, frozen=True, forbid_unknown_fields=True):
    """Which rows, and which page of them."""

    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    size: Annotated[int, Meta(ge=1, le=500)] = 50


class Since(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`from_ms`: the earliest time, in ms since the epoch."""

    from_ms: TimeMs = 0


class Credentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose token it will be, and the name they will know it by."""

    user: Annotated[str, Meta(max_length=64)]
    password: Annotated[str, Meta(max_length=200)]
    name: Annotated[str, Meta(min_length=1, max_length=100)]
