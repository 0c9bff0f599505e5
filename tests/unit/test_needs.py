"""Requirements on the machine are checked before anything starts; a message says how much is missing."""

import re
from collections import namedtuple
from pathlib import Path

import pytest

from deploy.servers import needs
from deploy.stack import stack_folder
from deploy.stack.failure import StackError
from deploy.stack.paths import RABBITMQ_TEMPLATES

Usage = namedtuple("Usage", "free")
Memory = namedtuple("Memory", "available")


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """`machine(disk, memory)` sets the free MB; by default there is plenty of both."""
    stack_folder.ensure()
    monkeypatch.setattr(needs, "CONTROL_GROUP", tmp_path)

    def has(disk: int = 100_000, memory: int = 100_000) -> None:
        monkeypatch.setattr(needs.shutil, "disk_usage", lambda _: Usage(disk * 1_000_000))
        monkeypatch.setattr(needs.psutil, "virtual_memory", lambda: Memory(memory * 1_000_000))
        monkeypatch.setattr(needs.psutil, "swap_memory", lambda: Usage(0))

    has()
    return has


def test_the_brokers_limit_is_the_one_in_its_configuration():
    (limit,) = re.findall(
        r"^disk_free_limit.absolute = (\d+)GB$", (RABBITMQ_TEMPLATES / "rabbitmq.conf").read_text(), re.M
    )
    assert int(limit) * 10**9 == needs.BROKER_LIMIT_BYTES


def test_a_disk_on_which_the_broker_would_take_no_messages_is_named(machine):
    needs.require(with_broker=True)
    machine(disk=1_400)
    with pytest.raises(
        StackError, match=r"1.4 GB are free, 1.5 GB are needed, .* RabbitMQ keeps 1.0 GB free; free 0.1"
    ):
        needs.require(with_broker=True)
    needs.require(with_broker=False)
    machine(disk=50)
    with pytest.raises(StackError, match="not enough free space"):
        needs.require(with_broker=False)


def test_a_large_workload_needs_more(machine):
    machine(disk=10_000)
    needs.require(with_broker=True, lines=1_000_000)
    with pytest.raises(StackError, match=r"11.5 GB are needed"):
        needs.require(with_broker=True, lines=5_000_000)


def test_too_little_memory_is_named_on_the_machine_and_in_a_container(machine, tmp_path: Path):
    machine(memory=500)
    with pytest.raises(StackError, match=r"not enough memory: 0.5 GB are available, 0.8 GB are needed"):
        needs.require(with_broker=True)
    machine()
    (tmp_path / "memory.max").write_text("800000000\n")
    (tmp_path / "memory.current").write_text("700000000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 100000000\n")
    with pytest.raises(StackError, match=r"not enough memory: 0.2 GB"):
        needs.require(with_broker=True)
    (tmp_path / "memory.max").write_text("max\n")
    needs.require(with_broker=True)


def test_a_machine_with_an_unknown_amount_of_memory_is_not_refused(monkeypatch):
    def unknown() -> Memory:
        raise FileNotFoundError("/proc/meminfo")

    monkeypatch.setattr(needs.psutil, "virtual_memory", unknown)
    needs.require(with_broker=True)
