"""Workloads of every shape: a readable one is read whole, from a pipe once, and an unreadable one is named."""

import gzip
import io
import os
import resource
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from producers.workload import NothingToRun, Workload
from producers.workload_input import CHUNK_BYTES, InputError, WorkloadInput, zstd
from schema.commands import CommandName

SOURCE = 7

packed = partial(gzip.compress, mtime=0)  # without a time, because some of these bytes are part of a test's name
LINES = b"[1] ADD,u,1.00 \n[2] QUOTE,u,ABC \n[3] COMMIT_BUY,u \n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "load"


def commands(name: str | Path) -> tuple[list, Workload]:
    with WorkloadInput(str(name)) as opened:
        workload = Workload(opened, SOURCE)
        workload.prepare(pytest.fail)
        return [command.name for command in workload.commands(lambda: None)], workload


def refusal(name: str | Path) -> str:
    with pytest.raises((InputError, NothingToRun)) as raised:
        commands(name)
    assert str(raised.value).count("\n") == 0
    return str(raised.value)


@pytest.fixture
def pipe() -> Iterator[tuple[str, io.FileIO]]:
    """A pipe like a shell's process substitution: its path, and its other end."""
    reading, writing = os.pipe()
    with open(writing, "wb", buffering=0) as end:
        yield f"/dev/fd/{reading}", end
    os.close(reading)


SHAPES = {
    "plain": LINES,
    "with \\r\\n": LINES.replace(b"\n", b"\r\n"),
    "with a lone \\r": LINES.replace(b"\n", b"\r"),
    "with all line ends": b"[1] ADD,u,1.00\r[2] QUOTE,u,ABC\r\n[3] COMMIT_BUY,u\n",
    "gzip": packed(LINES),
    "gzip in two members": packed(LINES[:20]) + packed(LINES[20:]),
    "zstd": zstd.compress(LINES),
    "zstd in two frames": zstd.compress(LINES[:20]) + zstd.compress(LINES[20:]),
    "zstd after an empty frame": b"\x50\x2a\x4d\x18\x02\0\0\0ab" + zstd.compress(LINES),
    "UTF-8 with a mark": LINES.decode().encode("utf-8-sig"),
    "two files with a mark each": b"\xef\xbb\xbf" + LINES[:16] + b"\xef\xbb\xbf" + LINES[16:],
    "UTF-16": LINES.decode().encode("utf-16"),
    "UTF-16, the other way round": b"\xfe\xff" + LINES.decode().encode("utf-16-be"),
    "UTF-32": LINES.decode().encode("utf-32"),
    "UTF-16 with \\r in gzip": packed(LINES.replace(b"\n", b"\r").decode().encode("utf-16")),
}


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_the_same_commands_come_of_every_shape_from_a_file_and_from_a_pipe(path, pipe, content):
    path.write_bytes(content)
    expected = [CommandName.ADD, CommandName.QUOTE, CommandName.COMMIT_BUY]
    names, workload = commands(path)
    assert (names, workload.lines, workload.unreadable, workload.fault) == (expected, 3, 0, None)
    name, end = pipe
    end.write(content)
    end.close()
    names, workload = commands(name)
    assert (names, workload.lines, workload.unreadable, workload.fault) == (expected, 3, 0, None)


def test_a_line_end_may_lie_anywhere_between_two_reads(path):
    for shift in range(3):
        path.write_bytes(b"[1] DUMPLOG,u," + b"x" * (CHUNK_BYTES - 15 - shift) + b"\r\n[2] ADD,u,1.00\r\n")
        names, workload = commands(path)
        assert (names, workload.lines) == ([CommandName.DUMPLOG, CommandName.ADD], 2)


def _tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        member = tarfile.TarInfo("load.txt")
        member.size = len(LINES)
        archive.addfile(member, io.BytesIO(LINES))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "contains no command: it is empty"),
        (b"\xef\xbb\xbf\r\n", "contains no command: it is empty"),
        (packed(b""), "contains no command: it is empty"),
        (b"\x7fELF\x02\x01\x01" + bytes(range(256)), "contains no command: line 1"),
        (bytes(1000), "contains no command: line 1"),
        (LINES.decode().encode("utf-16")[2:], "contains no command: line 1"),
        (packed(LINES)[:-9], "damaged or cut off"),
        (packed(LINES)[:3], "damaged or cut off"),
        (packed(LINES) + b"more", "damaged or cut off"),
        (packed(LINES)[:-8] + bytes(8), "damaged or cut off"),
        (zstd.compress(LINES)[:-1], "damaged or cut off"),
        (zstd.compress(LINES) + b"more", "damaged or cut off"),
        (b"\xfd7zXZ\0\0\4", "packed by xz: unpack it first"),
        (b"BZh91AY&SY", "packed by bzip2"),
        (b"PK\x03\x04....", "zip archive"),
        (_tar(), "tar archive"),
    ],
)
def test_an_unreadable_workload_is_refused_in_one_line_before_anything_runs(path, content, why):
    path.write_bytes(content)
    message = refusal(path)
    assert why in message
    assert str(path) in message


def test_a_name_that_is_not_utf_8_opens_its_file_and_is_shown_as_text(tmp_path):
    name = os.fsdecode(bytes(tmp_path) + b"/caf\xe9.txt")
    Path(name).write_bytes(LINES)
    names, workload = commands(name)
    assert (len(names), workload.name) == (3, f"{tmp_path}/caf?.txt")


def test_a_folder_a_missing_file_and_a_closed_standard_input_are_named(tmp_path):
    assert refusal(tmp_path).endswith("is a folder; a workload is a file of commands")
    assert refusal(tmp_path / "none").endswith("none: No such file or directory")
    assert refusal("/dev/null").startswith("/dev/null contains no command")
    before = os.dup(0)
    os.close(0)
    try:
        assert refusal("-") == "standard input: Bad file descriptor"
    finally:
        os.dup2(before, 0)
        os.close(before)


def test_standard_input_may_be_a_file_that_is_read_in_part(path):
    path.write_bytes(b"header\n" + LINES)
    before, file = os.dup(0), os.open(path, os.O_RDONLY)
    os.dup2(file, 0)
    try:
        assert os.read(0, 7) == b"header\n"
        names, workload = commands("/dev/stdin")
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(file)
    assert (len(names), workload.name, workload.unreadable) == (3, "standard input", 0)


def test_a_named_pipe_waits_for_its_writer_and_says_so(path, monkeypatch):
    monkeypatch.setattr("producers.workload.PATIENCE_SECONDS", 0.0)
    os.mkfifo(path)
    messages: list[str] = []

    def write() -> None:
        with path.open("wb", buffering=0) as end:
            end.write(LINES)

    writer = threading.Thread(target=write)

    def notice(text: str) -> None:
        messages.append(text)
        if len(messages) == 1:
            writer.start()

    with WorkloadInput(str(path)) as opened:
        workload = Workload(opened, SOURCE)
        workload.prepare(notice)
        assert workload.lines is None, "nobody knows yet"
        assert len(list(workload.commands(lambda: None))) == 3
    writer.join()
    assert "nothing so far" in messages[0]
    assert workload.lines == 3


def test_commands_of_a_pipe_run_while_it_is_open_and_connections_are_kept_alive_meanwhile(pipe):
    name, end = pipe
    end.write(b"nonsense\n[1] ADD,u,1.00\n[2] QU")
    kept_alive = 0

    def while_waiting() -> None:
        nonlocal kept_alive
        kept_alive += 1
        if kept_alive == 3:
            end.write(b"OTE,u,ABC\r")
            end.close()

    with WorkloadInput(name) as opened:
        workload = Workload(opened, SOURCE)
        workload.prepare(pytest.fail)
        running = workload.commands(while_waiting)
        assert (next(running).name, kept_alive, workload.unreadable) == (CommandName.ADD, 0, 1)
        assert [command.name for command in running] == [CommandName.QUOTE]
    assert kept_alive >= 3


def test_commands_before_a_pipes_break_run_and_the_fault_is_kept(pipe):
    name, end = pipe
    whole = packed(b"".join(b"[%d] ADD,u,%d.00\n" % (n, n * 7919 % 10_007) for n in range(1, 2001)))
    end.write(whole[: len(whole) // 2])
    end.close()
    names, workload = commands(name)
    assert 500 < len(names) < 2_000
    assert "damaged or cut off" in workload.fault


def test_a_file_that_changes_while_it_runs_is_a_fault(path):
    for change, why in ((lambda file: file.truncate(400_000), "shorter"), (lambda file: file.write(b"x"), "changed")):
        path.write_bytes(b"[1] ADD,u,1.00\n" * 40_000)
        with WorkloadInput(str(path)) as opened:
            workload = Workload(opened, SOURCE)
            workload.prepare(pytest.fail)
            with path.open("r+b") as file:
                change(file)
            assert len(list(workload.commands(lambda: None))) > 20_000
        assert why in workload.fault


def test_memory_is_bounded_however_much_a_packed_file_unpacks_to(path):
    with zstd.open(path, "wb") as file:
        for _ in range(150):
            file.write(bytes(1 << 20))
        file.write(b"\n" + LINES)
    assert path.stat().st_size < 100_000
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    names, workload = commands(path)
    assert (len(names), workload.lines, workload.unreadable) == (3, 4, 1)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 64_000
