"""Settings that the load driver refuses before it uses a server."""

import os

import pytest

from loadtest import load_test
from schema.errors import SettingsError


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Names servers at which nobody listens."""
    monkeypatch.setenv("AMQP_URL", "amqp://127.0.0.1:1/")
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/none")
    monkeypatch.setenv("WORKLOAD", str(tmp_path / "load.txt"))
    for name in ("REPORT", "RATE", "REPLICAS", "QUOTES"):
        monkeypatch.delenv(name, raising=False)


def test_a_missing_file_is_one_clear_line(environment, capsys):
    assert load_test.main() == 2
    assert capsys.readouterr().err.rstrip().endswith("load.txt: No such file or directory")


@pytest.mark.parametrize(
    ("content", "why"), [("", "it is empty"), ("\n\n", "it is empty"), ("hello\n", "line 1: it does not begin")]
)
def test_a_file_without_a_command_is_one_clear_line(environment, tmp_path, capsys, content, why):
    (tmp_path / "load.txt").write_text(content)
    assert load_test.main() == 2
    output = capsys.readouterr().err
    assert "contains no command" in output
    assert why in output
    assert output.count("\n") == 1


@pytest.mark.parametrize("name", ["RATE", "REPLICAS"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "99999999999", "9" * 5_000])
def test_a_bad_number_names_its_variable(name, value):
    with pytest.raises(SettingsError, match=name):
        load_test.options_from({"WORKLOAD": "x", name: value})


@pytest.mark.parametrize("workload", ["file", "link", "standard input"])
def test_a_report_never_takes_the_place_of_its_workload(tmp_path, workload):
    file, link = tmp_path / "load.txt", tmp_path / "link"
    file.write_text("[1] ADD,u,1.00\n")
    link.symlink_to(file)
    name = {"file": str(file), "link": str(link)}.get(workload, "-")
    before, opened = os.dup(0), os.open(file, os.O_RDONLY)
    os.dup2(opened, 0)
    try:
        with pytest.raises(SettingsError, match=r"REPORT=.*the workload itself"):
            load_test.options_from({"WORKLOAD": name, "REPORT": str(file)})
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(opened)


def test_a_name_with_brackets_is_shown_as_it_is(capsys):
    load_test._console().print("Load test of a/[/x].txt and [red]b.txt")
    assert capsys.readouterr().out == "Load test of a/[/x].txt and [red]b.txt\n"


def test_without_a_workload_there_is_nothing_to_do():
    with pytest.raises(SettingsError, match="WORKLOAD"):
        load_test.options_from({})
