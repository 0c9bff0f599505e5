"""Settings of the site: the host names that it trusts, its secret key, and that no secret is ever printed."""

import pytest

from deploy.stack.profiles import LIVE, urls_of
from deploy.stack.record import Record
from deploy.supervision import site
from schema.errors import SettingsError
from webapp import make_flask
from webapp.settings import from_environment

SECRET = "secret-" * 6
ENVIRONMENT = {
    "AMQP_URL": f"amqp://ann:{SECRET}@localhost/",
    "DATABASE_URL": f"postgresql://ann:{SECRET}@localhost/",
    "SECRET_KEY": SECRET,
}


def test_printed_settings_show_no_secret():
    assert SECRET not in repr(from_environment(ENVIRONMENT))


def test_a_printed_record_of_the_stack_shows_no_secret():
    passwords = {name: SECRET for name in vars(Record()) if name.endswith("_password")}
    ports = {"amqp": 1, "postgres": 2}
    record = Record(kind="private", ports=ports, amqp_url=SECRET, database_url=SECRET, **passwords)
    assert SECRET not in repr(record)
    assert SECRET not in repr(urls_of(record, LIVE))


def test_the_site_shows_no_debugging_pages_whatever_the_shell_says(monkeypatch):
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert not make_flask(from_environment(ENVIRONMENT)).debug


@pytest.mark.parametrize(("host", "trusted"), [("0.0.0.0", False), ("192.0.2.7", True), ("[::]", False)])
def test_the_address_on_which_the_site_listens_is_one_of_its_names_unless_it_means_all(host: str, trusted: bool):
    names = from_environment(ENVIRONMENT | {"WEB_HOST": host}).trusted_hosts
    assert (host.strip("[]") in names) is trusted
    assert {"localhost", "127.0.0.1", "::1"} <= names


@pytest.mark.parametrize("given", ["https://trade.example", "trade.example:8080", "trade example", "*"])
def test_a_trusted_host_that_is_no_name_is_refused_at_the_start(given: str):
    with pytest.raises(SettingsError, match="WEB_TRUSTED_HOSTS"):
        from_environment(ENVIRONMENT | {"WEB_TRUSTED_HOSTS": given})


@pytest.mark.parametrize("content", [b"", bytes(64), bytes(range(256)), b"short"])
def test_a_secret_key_that_a_crash_has_damaged_is_not_used_and_the_stack_has_a_new_one_made(
    content: bytes, tmp_path, monkeypatch
):
    file = tmp_path / "web_secret_key"
    file.write_bytes(content)
    environment = ENVIRONMENT | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(file)}
    with pytest.raises(SettingsError, match=f"{file}: .*remove it"):
        from_environment(environment)
    monkeypatch.setattr(site, "SECRET_KEY_FILE", file)
    site._mend_secret_key()
    key = from_environment(environment).secret_key
    site._mend_secret_key()
    assert from_environment(environment).secret_key == key
