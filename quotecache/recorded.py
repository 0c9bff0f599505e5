"""Prices from a recorded file in place of the legacy quote server, behind the interface of `upstream.Upstream`.

The recording starts to play when it is opened. A request n seconds later gets the price that was valid n seconds after
the recording's first price; a request after its end gets the last price. Answers come at once and cost nothing.
"""

import bisect
from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter
from pathlib import Path

from quotecache.fetch import Failure, Fetch
from quotecache.protocol import PriceLine
from quotecache.upstream import Outcome
from runtime.price_file import PricePoint, read_prices
from schema.errors import DecodeError, SettingsError

CRYPTOKEY = "recorded"
"""Cryptokey of recorded prices. The audit log demands one with each price; this one says that no server sent it."""


class Recording:
    """Prices of a recorded file by symbol. Pure: the moment is an argument."""

    def __init__(self, points: list[PricePoint]):
        assert points
        self.begins_ms = points[0].at_ms
        self._points: dict[str, list[PricePoint]] = {}
        for point in points:
            self._points.setdefault(point.symbol, []).append(point)

    def price(self, symbol: str, at_ms: int) -> PricePoint | None:
        """Returns the symbol's newest price at that moment; None before its first."""
        points = self._points.get(symbol, [])
        number = bisect.bisect_right(points, at_ms, key=attrgetter("at_ms"))
        return points[number - 1] if number else None


class RecordedSource:
    """Source that answers from a recording. Only the owner's thread uses it, and `on_outcome` runs in that thread."""

    def __init__(self, recording: Recording, began_ms: int, on_outcome: Callable[[], None]):
        self._recording = recording
        self._began_ms = began_ms
        self._on_outcome = on_outcome
        self._outcomes: deque[Outcome] = deque()

    def ask(self, fetches: Iterable[Fetch]) -> None:
        """Answers the fetches at once; each comes back through `take`."""
        for fetch in fetches:
            at_ms = self._recording.begins_ms + max(0, fetch.asked_at_ms - self._began_ms)
            point = self._recording.price(fetch.symbol, at_ms)
            if point is None:
                reason = f"not sent: the recording has no price of {fetch.symbol} yet"
                self._outcomes.append((fetch, Failure(reason, paid=False)))
            else:
                self._outcomes.append((fetch, PriceLine(point.price_cents, point.at_ms, CRYPTOKEY)))
        self._on_outcome()

    def take(self) -> list[Outcome]:
        """Returns the fetches answered since the last call."""
        taken = list(self._outcomes)
        self._outcomes.clear()
        return taken

    def close(self) -> None:
        """Does nothing, as nothing is open."""


def open_recording(path: Path) -> Recording:
    """Reads a file of prices (`runtime.price_file`). Raises SettingsError."""
    if path.exists() and not path.is_file():
        # Every replica of the quote cache reads the file, and reads it again at each restart.
        raise SettingsError(f"QUOTE_SOURCE={path}: must be a plain file, as it is read more than once")
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            points = read_prices(lines)
    except (OSError, UnicodeDecodeError, DecodeError) as error:
        raise SettingsError(f"QUOTE_SOURCE={path}: {error}") from error
    if not points:
        raise SettingsError(f"QUOTE_SOURCE={path}: there is no price in it")
    return Recording(points)
