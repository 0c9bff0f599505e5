"""Choice of the source of prices: the legacy quote server or a recorded file. Nothing is fetched here."""

from collections.abc import Callable, Iterable
from typing import Protocol

from quotecache.fetch import Fetch
from quotecache.lease_guard import LeaseGuard
from quotecache.recorded import RecordedSource, open_recording
from quotecache.upstream import Outcome, Upstream
from runtime.wall_clock import now_ms
from schema.settings import Settings


class Source(Protocol):
    """Source of prices: each fetch given to `ask` comes back through `take` once, with its answer or its failure."""

    def ask(self, fetches: Iterable[Fetch]) -> None: ...

    def take(self) -> list[Outcome]: ...

    def close(self) -> None: ...


OpenSource = Callable[[Callable[[], None], LeaseGuard], Source]
"""Opens the source. Arguments: the callback for new outcomes, and the `LeaseGuard` to check before any send."""


def source_of(settings: Settings) -> OpenSource:
    """Returns the opener of the configured source. Raises SettingsError if the recorded file cannot be read."""
    if settings.quote_source is None:
        address, timeout_ms, prices_cents = (
            settings.quote_server,
            settings.quote_timeout_ms,
            settings.quote_prices_cents,
        )
        return lambda on_outcome, guard: Upstream(address, timeout_ms, prices_cents, on_outcome, guard)
    recording, began_ms = open_recording(settings.quote_source), now_ms()
    return lambda on_outcome, _: RecordedSource(recording, began_ms, on_outcome)
