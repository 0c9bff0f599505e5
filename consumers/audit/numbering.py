"""Which entries come next: drops what is stored, holds back what came too early. Pure: no I/O, no clock.

Sources number their entries without gaps and may publish some again, cut differently (design §2). An entry is let
through once, and only after all before it: never past a gap.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schema.errors import AuditGap
from schema.events import AuditEntry, AuditMessage

HELD_MESSAGES_MAX = 200
"""Messages that wait for an earlier one. At the largest message of the contract, about 60 MB of memory."""


@dataclass(frozen=True, slots=True)
class Run:
    """Entries of one source that come next, numbered from `first_number` on."""

    source: int
    first_number: int
    entries: Sequence[AuditEntry]


@dataclass(frozen=True, slots=True)
class _Held:
    offset: int
    message: AuditMessage


class Numbering:
    """The newest number let through of each source, and the messages that are ahead of it.

    A message is ahead only if the broker refused one before it and its publisher has yet to repeat that one. Until
    then the log is not done with: `held_from` is the offset from which it has to be read again after a crash.
    Not `checked`, it lets everything through: that is for tests/chaos alone, which holds that this would be seen.
    """

    def __init__(self, stored: Mapping[int, int], checked: bool = True):
        self._newest = dict(stored)
        self._held: list[_Held] = []
        self._checked = checked

    @property
    def held_from(self) -> int | None:
        """Offset of the first message held back; None where there is none."""
        return min((held.offset for held in self._held), default=None)

    @property
    def held(self) -> int:
        """Number of messages held back."""
        return len(self._held)

    def newest(self, source: int) -> int:
        """Number of the newest entry of this source that was let through; 0 before the first."""
        return self._newest.get(source, 0)

    def take(self, offset: int, message: AuditMessage) -> list[Run]:
        """What may be stored now that this message came; nothing where it is known or ahead.

        Raises AuditGap when more is ahead than can be held: then an entry is missing.
        """
        if not self._checked:
            return [Run(message.source, message.first_number, message.entries)]
        if message.first_number > self.newest(message.source) + 1:
            self._hold(offset, message)
            return []
        runs = [self._cut(message)]
        while (held := self._next_held(message.source)) is not None:
            self._held.remove(held)
            runs.append(self._cut(held.message))
        return [run for run in runs if run.entries]

    def _cut(self, message: AuditMessage) -> Run:
        known = self.newest(message.source) + 1 - message.first_number
        entries = message.entries[known:] if known else message.entries
        run = Run(message.source, message.first_number + known, entries)
        self._newest[message.source] = max(self.newest(message.source), run.first_number + len(entries) - 1)
        return run

    def _hold(self, offset: int, message: AuditMessage) -> None:
        if len(self._held) >= HELD_MESSAGES_MAX:
            raise AuditGap(
                f"source {message.source}: number {self.newest(message.source) + 1} is missing before offset {offset},"
                f" and {len(self._held)} messages wait already"
            )
        self._held.append(_Held(offset, message))

    def _next_held(self, source: int) -> _Held | None:
        limit = self.newest(source) + 1
        return next(
            (held for held in self._held if held.message.source == source and held.message.first_number <= limit), None
        )
