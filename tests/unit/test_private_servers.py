"""A wait for a server of the stack that cannot start ends soon, and shows the server's last output."""

import itertools
import os

import pytest

from deploy.servers import postgres_data, private
from deploy.stack.failure import StackError
from deploy.stack.record import Record
from deploy.supervision import supervisor


@pytest.mark.parametrize("states", [("BACKOFF", "STARTING"), ("RUNNING", "EXITED")])
def test_a_server_that_dies_again_and_again_is_not_waited_for(monkeypatch, states):
    starts = itertools.count(1_000)
    state = itertools.cycle(states)

    def processes(_record: Record) -> dict:
        return {private.POSTGRES: {"statename": next(state), "start": next(starts)}}

    monkeypatch.setattr(supervisor, "processes", processes)
    monkeypatch.setattr(private, "answers", lambda _url: False)
    with pytest.raises(StackError, match=r"(?s)postgres does not start.*The end of"):
        private._wait(Record(ports={"postgres": 1}), (private.POSTGRES,), fatal={"FATAL"})


def test_servers_that_another_user_has_started_are_not_used(monkeypatch):
    monkeypatch.setattr(supervisor, "running", lambda _record: True)
    monkeypatch.setattr(supervisor, "user", lambda _record: 0)
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    with pytest.raises(StackError, match="the servers run as root: run `make down`"):
        private.start(Record())


@pytest.mark.parametrize(
    ("content", "stays"),
    [("", False), ("garbage\n", False), (f"{2**22}\n/data\n", True), (f"{os.getpid()}\n/data\n", False)],
    ids=["empty", "garbage", "ended", "another-program"],
)
def test_a_lock_of_postgres_that_names_no_server_is_dropped(monkeypatch, tmp_path, content, stays):
    monkeypatch.setattr(postgres_data, "POSTGRES_DATA", tmp_path)
    postgres_data._drop_broken_lock()
    lock = tmp_path / "postmaster.pid"
    lock.write_text(content)
    postgres_data._drop_broken_lock()
    assert lock.exists() is stays
