"""Output into folders of other users: refused before the work begins, with the owner's name and a remedy."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.paths import ROOT
from runtime import file_owner
from runtime.output_file import require_writable, require_writable_folder
from schema.errors import SettingsError

NOBODYS_UID = 65_534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def folder(monkeypatch) -> Iterator[Path]:
    """Checkout of another user, as whom the test runs."""
    made = Path(tempfile.mkdtemp())
    os.chown(made, NOBODYS_UID, NOBODYS_UID)
    monkeypatch.setattr(file_owner, "ROOT", made)
    os.seteuid(NOBODYS_UID)
    yield made
    os.seteuid(0)
    shutil.rmtree(made)


def test_a_folder_of_roots_outside_the_checkout_is_named(folder):
    with pytest.raises(SettingsError, match=r"REPORT=/x: .*denied: / belongs to root; choose another place$"):
        require_writable(Path("/x"), "REPORT")
    with pytest.raises(SettingsError, match=r"DUMP_DIR=/x/y: .*denied: / belongs to root; choose another place$"):
        require_writable_folder(Path("/x/y"), "DUMP_DIR")


def test_the_refusal_of_a_folder_of_roots_in_the_checkout_names_the_command_that_repairs_it(folder):
    file = folder / "made by root" / "new" / "state.json"
    os.seteuid(0)
    (folder / "made by root").mkdir()
    os.seteuid(NOBODYS_UID)
    with pytest.raises(SettingsError) as refused:
        require_writable(file, "STATE")
    assert f"{folder}/made by root belongs to root; " in str(refused.value)
    os.seteuid(0)
    subprocess.run(str(refused.value).partition("sudo ")[2], shell=True, check=True)
    os.seteuid(NOBODYS_UID)
    require_writable(file, "STATE")


def test_a_folder_of_ones_own_without_permission_to_write_is_named(folder):
    folder.chmod(0o500)
    with pytest.raises(SettingsError, match=f"denied: check the permissions of {folder}$"):
        require_writable(folder / "state.json", "STATE")


def test_a_file_that_only_its_owner_may_replace_is_refused_before_the_run(folder):
    file = folder / "report"
    os.seteuid(0)
    os.chown(folder, 0, 0)
    folder.chmod(0o1777)
    file.touch()
    os.seteuid(NOBODYS_UID)
    with pytest.raises(SettingsError, match=f"REPORT={file}: cannot be replaced: it belongs to root; choose another"):
        require_writable(file, "REPORT")


def test_standard_output_is_written_to_whoever_has_opened_it():
    program = (
        "import os; from pathlib import Path; from runtime.output_file import require_writable, written_whole\n"
        f"os.setuid({NOBODYS_UID}); name = Path('/dev/stdout'); require_writable(name, 'STATE')\n"
        "with written_whole(name) as out: out.write(b'all of it')"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("all of it", "")


def test_a_verb_takes_standard_output_that_another_user_has_opened():
    program = f"import os, runpy; os.setuid({NOBODYS_UID}); runpy.run_module('operators', run_name='__main__')"
    environment = os.environ | {"AMQP_URL": "amqp://127.0.0.1:1", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    asked = [sys.executable, "-B", "-c", program, "state", "/dev/stdout"]
    done = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "/dev/stdout" not in done.stderr
    assert done.stderr.startswith("state: cannot reach Postgres")
