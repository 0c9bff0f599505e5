"""Where the quote cache gets prices from: the legacy quote server, or a recorded file. Chooses; fetches nothing."""

from collections.abc import Callable, Iterable
from typing import Protocol

from quotecache.fetch import Fetch
from quotecache.hold import Hold
from quotecache.recorded import Recorded, open_recording
from quotecache.upstream import Outcome, Upstream
from runtime.wall_clock import now_ms
from schema.settings import Settings


class Source(Protocol):
    """Every fetch that is handed to `ask` comes back through `take` exactly once, with its answer or its failure."""

    def ask(self, fetches: Iterable[Fetch]) -> None: ...

    def take(self) -> list[Outcome]: ...

    def close(self) -> None: ...


OpenSource = Callable[[Callable[[], None], Hold], Source]
"""Opens the source; given what to call when there is something to take, and what must be sure to send anything."""


def source_of(settings: Settings) -> OpenSource:
    """Raises SettingsError where a recorded file cannot be read."""
    if settings.quote_source is None:
        return lambda on_outcome, hold: Upstream(settings.quote_server, settings.quote_timeout_ms, on_outcome, hold)
    recording, began_ms = open_recording(settings.quote_source), now_ms()
    return lambda on_outcome, _: Recorded(recording, began_ms, on_outcome)
