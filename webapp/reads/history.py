"""Rows of an account's history: a page of them, a single one, and all of them for export."""

import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from database.engines import UntypedRow
from schema import history as history_rows
from schema.commands import CommandName
from schema.outcomes import SENTENCES, HistoryKind, Outcome, Reason
from webapp.store import store

SIZE_MAX = 500

KINDS = ("command", "fill", "expiry")


class HistoryRowView(history_rows.HistoryRow, frozen=True):
    """Row of the history: what happened, and what it changed.

    `command_id` is hexadecimal. `sentence`: the reason of a rejection, for people. The types of the rest tell clients
    of the API which texts to expect.
    """

    command_id: str  # type: ignore[assignment]  # hexadecimal here, bytes in a row of the table
    kind: HistoryKind
    command: CommandName
    outcome: Outcome
    reason: Reason | None

    @property
    def sentence(self) -> str | None:
        return SENTENCES[Reason(self.reason)] if self.reason else None


class HistoryFilter(msgspec.Struct, frozen=True):
    """Filter of history rows; None means not restricted. `kind`: command, fill, expiry, or the name of a command.

    Times are in ms since the epoch, inclusive.
    """

    kind: str | None = None
    symbol: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None


ALL = HistoryFilter()


class HistoryPage(msgspec.Struct, frozen=True):
    """`total` rows match; these are those of `page` (the first is 1), the newest first.

    `next_before`: `before` of the next page, which rows that are added meanwhile do not shift; null on the last one.
    """

    rows: list[HistoryRowView]
    page: int
    size: int
    total: int
    next_before: int | None = None

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))


def history(
    user: str, chosen: HistoryFilter = ALL, page: int = 1, size: int = 50, before: int | None = None
) -> HistoryPage:
    """The rows of one page, or of the page of those before row `before`; a size beyond SIZE_MAX is cut to it."""
    size = min(max(size, 1), SIZE_MAX)
    page = max(page, 1)
    parameters = {"user": user, **msgspec.structs.asdict(chosen)}
    total = store().only(_COUNT, **parameters)[0]
    found = store().rows(_PAGE, **parameters, before=before, limit=size + 1, offset=(page - 1) * size)
    rows = [HistoryRowView(*row) for row in found[:size]]
    return HistoryPage(rows, page, size, total, rows[-1].seq if len(found) > size else None)


def history_row(user: str, seq: int) -> HistoryRowView | None:
    """One row; None if there is no such row."""
    row = store().row(_ONE, user=user, seq=seq)
    return HistoryRowView(*row) if row else None


def history_csv(user: str, chosen: HistoryFilter = ALL) -> Iterator[str]:
    """All rows that `history` would page through, the oldest first, as lines of CSV with a header.

    The rows are read while they are sent, outside of any request.
    """
    return _csv(_begun(user, chosen))


def history_json(user: str, chosen: HistoryFilter = ALL) -> Iterator[str]:
    """All rows that `history_csv` gives, as one JSON array."""
    return _json(_begun(user, chosen))


def _begun(user: str, chosen: HistoryFilter) -> Iterable[UntypedRow]:
    """All rows. The first is read at once, so that an unreachable database causes a 503 and not a truncated file."""
    rows = store().stream(_ALL, user=user, **msgspec.structs.asdict(chosen))
    first = next(rows, None)
    return () if first is None else chain((first,), rows)


def _csv(rows: Iterable[UntypedRow]) -> Iterator[str]:
    yield _line(HistoryRowView.__struct_fields__)
    for row in rows:
        yield _line(row)


def _json(rows: Iterable[UntypedRow]) -> Iterator[str]:
    separator = "["
    for row in rows:
        yield separator + msgspec.json.encode(HistoryRowView(*row)).decode()
        separator = ",\n"
    yield "[]\n" if separator == "[" else "]\n"


def _line(values: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(values)
    return text.getvalue()


_COLUMNS = """seq, kind::text, {command_id}, transaction_number, command::text, symbol, amount_cents,
    price_cents, outcome::text, reason::text, cash_delta_cents, reserved_delta_cents, shares_delta,
    reserved_shares_delta, quote_id, published_at_ms, at_ms, shares, order_seq, newest_order_seq"""
COLUMNS = _COLUMNS.format(command_id="encode(command_id, 'hex')")
"""Columns of `history`, in the order of HistoryRow's fields."""

RECORDED_COLUMNS = _COLUMNS.format(command_id="command_id")
"""Columns of `history`, in the order and types of `schema.history.HistoryRow`."""

_CHOSEN = """
    WHERE user_id = :user
      AND (CAST(:kind AS text) IS NULL OR kind::text = :kind OR (kind = 'command' AND command::text = :kind))
      AND (CAST(:symbol AS text) IS NULL OR symbol = :symbol)
      AND (CAST(:from_ms AS bigint) IS NULL OR at_ms >= :from_ms)
      AND (CAST(:to_ms AS bigint) IS NULL OR at_ms <= :to_ms)"""

_COUNT = f"SELECT count(*) FROM history {_CHOSEN}"
_PAGE = f"""
    SELECT {COLUMNS} FROM history {_CHOSEN} AND (CAST(:before AS bigint) IS NULL OR seq < :before)
    ORDER BY seq DESC LIMIT :limit OFFSET :offset"""
_ONE = f"SELECT {COLUMNS} FROM history WHERE user_id = :user AND seq = :seq"
_ALL = f"SELECT {COLUMNS} FROM history {_CHOSEN} ORDER BY seq"
