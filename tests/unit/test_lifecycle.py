"""A process begins one session after another until it is told to stop."""

import pytest

from ownership.lifecycle import live
from schema.errors import BrokerError, LogGap, StoreAway


class Sessions:
    """Sessions that end in these ways, one after another; `stop_after`: the stop comes during this one."""

    def __init__(self, *endings: Exception | None, stop_after: int = -1):
        self._endings = iter(endings)
        self._stop_after = stop_after
        self.begun = 0

    def __call__(self) -> None:
        self.begun += 1
        ending = next(self._endings)
        if ending is not None:
            raise ending

    def stopping(self) -> bool:
        return self.begun >= self._stop_after >= 0


def test_a_lost_server_is_followed_by_a_new_session() -> None:
    sessions = Sessions(BrokerError("away"), StoreAway("away"), None)
    live(sessions, sessions.stopping)
    assert sessions.begun == 3


def test_any_other_error_ends_the_process() -> None:
    sessions = Sessions(LogGap("messages are missing"))
    with pytest.raises(LogGap):
        live(sessions, sessions.stopping)
    assert sessions.begun == 1


@pytest.mark.parametrize("begun", [0, 1])
def test_no_session_begins_once_the_process_stops(begun: int) -> None:
    sessions = Sessions(BrokerError("away"), stop_after=begun)
    live(sessions, sessions.stopping)
    assert sessions.begun == begun


@pytest.mark.parametrize("begun", [0, 1])
def test_one_more_session_begins_if_work_is_left_to_finish(begun: int) -> None:
    sessions = Sessions(*[BrokerError("away")] * (begun + 1), stop_after=begun)
    live(sessions, sessions.stopping, finishes=True)
    assert sessions.begun == begun + 1
