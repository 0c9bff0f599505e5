"""Wrong settings of `make` are named in one line before anything is started, replaced or dropped."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.commands import preconditions, runs
from deploy.servers import given
from deploy.stack.failure import StackError
from deploy.stack.paths import ROOT
from deploy.stack.profiles import LOADTEST
from deploy.stack.record import Record
from deploy.supervision import processes, site
from operators import __main__ as operators
from runtime import output_file
from runtime.entry_point import MISUSED
from runtime.output_file import require_writable, written_whole
from schema.errors import SettingsError

NOBODYS_UID = 65_534


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """Clears the caller's variables, and names a folder for dumps."""
    for name in (*processes.PASSED_ON, *site.PASSED_ON, *site.PORT_VARIABLES.values(), "QUOTES", "QUOTE_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DUMP_DIR", str(tmp_path / "dumps"))


def refused(**variables: str) -> str:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(StackError) as raised:
        for name, value in variables.items():
            patch.setenv(name, value)
        settings = preconditions.require_workers(LOADTEST, 1)
        preconditions.require_quote_server(settings)
        preconditions.require_site(Record())
    output = str(raised.value)
    assert output.count("\n") == 0
    (name,) = variables
    assert name in output
    return output


def test_missing_settings_are_accepted():
    settings = preconditions.require_workers(LOADTEST, 1)
    preconditions.require_quote_server(settings)
    preconditions.require_site(Record())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUOTES", "fast"),
        ("QUOTE_SERVER", "nowhere"),
        ("QUOTE_SERVER", "127.0.0.1:99999"),
        ("QUOTE_SERVER", "no such host:4444"),
        ("QUOTE_SOURCE", "/no/such.csv"),
        ("QUOTE_SEED", "-1"),
        ("QUOTE_SEED", "9" * 5_000),
        ("QUOTE_COST_CENTS", "a lot"),
        ("QUOTE_TIMEOUT_MS", "1"),
        ("QUOTE_ATTEMPTS", "0"),
        ("QUOTE_CONNECTIONS", "1_000"),
        ("QUOTE_HEDGE", "9" * 5_000),
        ("LOG_LEVEL", "loud"),
        ("DUMP_DIR", "README.md"),
        ("DUMP_DIR", "README.md/dumps"),
        ("DUMP_DIR", "/proc/dumps"),
        ("DUMP_DIR", ".stack/postgres"),
        ("WEB_PORT", "http"),
        ("WEB_PORT", "0"),
        ("LIVE_PORT", "8080"),
        ("WEB_HTTPS", "maybe"),
        ("WEB_HOST", "no such host"),
        ("WEB_HOST", "192.0.2.1"),
        ("WEB_THREADS", "0"),
        ("LIVE_URL", "ftp://x"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "'" + 40 * "x"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(name, value):
    refused(**{name: value})


def test_a_quote_server_without_a_listener_is_named():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert "no quote server answers there" in refused(QUOTE_SERVER=f"127.0.0.1:{closed.getsockname()[1]}")


def test_a_port_that_another_program_has_is_named():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert "another program uses it" in refused(WEB_PORT=str(other.getsockname()[1]))


def test_a_file_that_cannot_be_read_and_one_that_cannot_be_written_are_named(tmp_path):
    with pytest.raises(StackError, match=r"PRICES=.*none.csv: No such file"):
        preconditions.require_file(str(tmp_path / "none.csv"), "PRICES")
    for name, why in (
        (str(tmp_path), "is a folder"),
        ("README.md/x", "Not a directory"),
        ("/proc/x", "cannot be"),
        (".stack/stack.json", "lies in .*/.stack"),
    ):
        with pytest.raises(StackError, match=f"STATE={name}: .*{why}"):
            preconditions.require_writable(name, "STATE")


def test_no_output_takes_the_place_of_a_file_of_the_servers(tmp_path, monkeypatch):
    stack, beside = tmp_path / ".stack", tmp_path / ".stack.json"
    (stack / "postgres").mkdir(parents=True)
    monkeypatch.setattr(output_file, "STACK", stack)
    (tmp_path / "link").symlink_to(stack / "postgres" / "PG_VERSION")
    for path in (stack / "stack.json", stack / "new" / "x", tmp_path / "link", beside / ".." / ".stack" / "x"):
        with pytest.raises(SettingsError, match=r"lies in .*/.stack"), written_whole(path) as out:
            out.write(b"a report")
    assert list(stack.rglob("*")) == [stack / "postgres"]
    require_writable(beside, "STATE")


def test_a_file_is_tried_without_being_touched_and_written_whole_or_not_at_all(tmp_path):
    file, link = tmp_path / "folder" / "export", tmp_path / "link"
    link.symlink_to(file)
    require_writable(file, "STATE")
    assert not file.exists()
    for content in (b"first", b"second"):
        with written_whole(link) as out:
            out.write(content)
        assert (file.read_bytes(), link.is_symlink()) == (content, True)
    with pytest.raises(RuntimeError), written_whole(file) as out:
        out.write(b"half")
        raise RuntimeError
    require_writable(file, "STATE")
    assert (file.read_bytes(), list(file.parent.iterdir())) == (b"second", [file])


def test_a_socket_in_the_place_of_a_file_is_refused_before_the_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("report")
        with pytest.raises(SettingsError, match="REPORT=report: cannot be written: No such device"):
            require_writable(Path("report"), "REPORT")


def test_a_folder_behind_links_in_a_circle_is_refused(tmp_path):
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    assert "DUMP_DIR" in refused(DUMP_DIR=str(tmp_path / "one"))


def test_a_pipe_or_a_device_is_written_to_as_it_is(tmp_path):
    reading, writing = os.pipe()
    with open(reading, "rb") as end:
        path = Path(f"/dev/fd/{writing}")
        require_writable(path, "STATE")
        with written_whole(path) as out:
            out.write(b"all of it")
        os.close(writing)
        assert end.read() == b"all of it"


@pytest.mark.parametrize(
    ("amqp", "postgres", "named"),
    [
        ("foo", "postgresql://h/d", "AMQP_URL"),
        ("http://h", "postgresql://h/d", "AMQP_URL"),
        ("amqp://h:port/", "postgresql://h/d", "AMQP_URL"),
        ("amqp://[::1/", "postgresql://h/d", "AMQP_URL"),
        ("amqp://h", "bar", "DATABASE_URL"),
        ("amqp://h", "mysql://h/d", "DATABASE_URL"),
        ("amqp://h", "postgresql://h:99999999/d", "DATABASE_URL"),
    ],
)
def test_an_invalid_address_is_named_without_its_password(amqp, postgres, named):
    given.require_addresses("amqps://u:p@h:1/v%2f", "postgresql+psycopg://u:p@/d?host=/run/postgres")
    with pytest.raises(StackError, match=f"{named} is not a valid address"):
        given.require_addresses(amqp, postgres)


def test_an_address_that_workers_cannot_use_is_named_without_its_password():
    with pytest.raises(StackError, match=r"DATABASE_URL: .*%27") as refused:
        given.require_addresses("amqp://h", "postgresql://u:it's\"secret@h/d")
    assert "secret" not in str(refused.value)


def test_a_pipe_is_not_opened_only_to_try_it(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    trial = threading.Thread(target=preconditions.require_file, args=(str(pipe), "PRICES"), daemon=True)
    trial.start()
    trial.join(5)
    assert not trial.is_alive(), "it waits for a writer, who would be lost to the process that reads"


def test_a_recording_that_several_processes_read_is_no_pipe():
    reading, writing = os.pipe()
    os.write(writing, b"2026-11-22T10:15:00Z,ABC,1.00\n")
    os.close(writing)
    assert "must be a plain file" in refused(QUOTE_SOURCE=f"/dev/fd/{reading}")
    os.close(reading)


def test_numbers_and_arguments_for_tools_are_checked_before_servers_are_started_for_them(monkeypatch):
    monkeypatch.setenv("ROUNDS", "12")
    preconditions.require_numbers(("ROUNDS", "RATE"))
    for value in ("x", "0", "1.5", "9" * 5_000):
        monkeypatch.setenv("ROUNDS", value)
        with pytest.raises(StackError, match="ROUNDS="):
            preconditions.require_numbers(("RATE", "ROUNDS"))
    assert preconditions.arguments_from("-k 'a b'") == ["-k", "a b"]
    with pytest.raises(StackError, match="ARGS=-k 'a: No closing quotation"):
        preconditions.arguments_from("-k 'a")
    with pytest.raises(StackError, match=r"ARGS='-k \\udcff': is not UTF-8"):
        preconditions.arguments_from("-k \udcff")


@pytest.mark.parametrize("name", ["ROUNDS", "SECONDS", "PEOPLE", "PAGES", "POSTS", "STREAMS", "FIRED"])
def test_a_benchmarks_wrong_number_is_named_before_servers_are_looked_for(name, monkeypatch):
    monkeypatch.setenv(name, "-3")
    with pytest.raises(StackError, match=f"{name}='-3': must be a whole number"):
        runs.bench(Record(), "web_waiting")


@pytest.fixture
def as_nobody() -> Iterator[None]:
    """Runs the test as another user if it runs as root, because root may write anywhere."""
    me = os.geteuid()
    os.seteuid(me or NOBODYS_UID)
    yield
    os.seteuid(me)


def test_a_folder_of_somebody_else_is_named(tmp_path, as_nobody):
    with pytest.raises(SettingsError, match="Permission denied"):
        require_writable(Path("/x"), "REPORT")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgresql://h", "names no database"),
        ("postgresql://h/d?dbname=", "names no database"),
        ("postgresql://h/" + 46 * "d", "a too long name: d+_loadtest_2_replay would be needed"),
        ("postgresql://h/" + 23 * "%C3%A9", "a too long name"),
    ],
)
def test_an_address_without_a_database_or_with_a_name_that_postgres_would_cut_is_refused(address, why):
    given.require_addresses("amqp://h", "postgresql://h/" + 45 * "d")
    with pytest.raises(StackError, match=f"DATABASE_URL .*{why}"):
        given.require_addresses("amqp://h", address)


def test_a_password_on_the_command_line_of_make_is_refused(monkeypatch):
    monkeypatch.setenv("GIVEN_TO_MAKE", "USER PASSWORD")
    with pytest.raises(StackError, match="PASSWORD on the command line can be read"):
        preconditions.refuse_on_command_line("PASSWORD")
    monkeypatch.setenv("GIVEN_TO_MAKE", "USER")
    preconditions.refuse_on_command_line("PASSWORD")


def test_a_confirmation_that_is_not_yes_is_refused(monkeypatch):
    monkeypatch.setenv("EXISTING", "no")
    with pytest.raises(StackError, match="EXISTING=no"):
        preconditions.require_yes_or_nothing("EXISTING")
    monkeypatch.setenv("EXISTING", "yes")
    assert preconditions.require_yes_or_nothing("EXISTING")


def test_names_that_begin_with_a_dash_are_no_options(monkeypatch, capsys):
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(runs, "_look_back", lambda _record, _module, *verb, **_: asked.append(verb))
    runs.export(Record(), "state", "-state.json")
    runs.export(Record(), "history", "-history.jsonl")
    runs.what_if(Record(), "-bob", str(ROOT / "requirements.txt"))
    for verb in asked:
        monkeypatch.setattr(sys, "argv", ["it", *verb])
        monkeypatch.delenv("DATABASE_URL", raising=False)
        assert operators.main() == MISUSED
        assert "o such option" not in capsys.readouterr().err
