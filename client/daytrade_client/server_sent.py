"""Events of a stream from its lines (HTML standard, server-sent events). No I/O."""

import msgspec

from daytrade_client.answers import StreamEvent


class EventReader:
    """Puts lines together to events. `last_seq`: number of the newest row that has come, None before the first."""

    def __init__(self, last_seq: int | None = None):
        self.last_seq = last_seq
        self._name = ""
        self._data: list[str] = []
        self._id: int | None = None

    def take(self, line: str) -> StreamEvent | None:
        """Takes a line without its end; returns the event that it ends, if any."""
        if line:
            field, _, value = line.partition(":")
            self._take_field(field, value.removeprefix(" "))
            return None
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "", []
        if self._id is not None:
            self.last_seq = self._id
        if not name or not data:
            return None
        return StreamEvent(name, msgspec.Raw(data.encode()), self.last_seq or 0)

    def begin_again(self) -> None:
        """Forgets the event that a lost connection has cut off."""
        self._name, self._data, self._id = "", [], self.last_seq

    def _take_field(self, field: str, value: str) -> None:
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        elif field == "id" and value.isdigit():
            self._id = int(value)
