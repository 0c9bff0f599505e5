"""Settings of the site: the host names that it trusts, and that no secret is shown when settings are printed."""

import pytest

from deploy.stack.profiles import LIVE, urls_of
from deploy.stack.record import Record
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
