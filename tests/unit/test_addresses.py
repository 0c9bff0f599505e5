"""Addresses that name several hosts of one server."""

import pytest

from database import roles
from database.libpq_urls import for_own_server
from rabbitmq.rights import SETUP_USER, password_of, url_for
from rabbitmq.roles import BrokerRole
from schema.addresses import one_of_each_host
from schema.environment import require_server_address
from schema.errors import SettingsError
from schema.grants import DatabaseRole


@pytest.mark.parametrize(
    ("url", "singles"),
    [
        ("amqp://", ["amqp://"]),
        ("amqp://u:a,b@h/v?heartbeat=1,2", ["amqp://u:a,b@h/v?heartbeat=1,2"]),
        ("amqp://u:p@h1:1,h2/v", ["amqp://u:p@h1:1/v", "amqp://u:p@h2/v"]),
        ("amqps://[::1]:5,h?x=@", ["amqps://[::1]:5?x=@", "amqps://h?x=@"]),
    ],
)
def test_each_host_of_an_address_has_the_same_login_and_place(url: str, singles: list[str]) -> None:
    assert one_of_each_host(url) == singles


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("AMQP_URL", "amqp://u:secret@h1:1,h2:2/v"),
        ("DATABASE_URL", "postgresql://u:secret@h1:1,h2:2/d"),
        ("DATABASE_URL", "postgresql://u:secret@/d?host=h1,h2&port=1,2&target_session_attrs=read-write"),
        ("DATABASE_URL", "postgresql+psycopg://h1,h2/d?port=5432"),
    ],
)
def test_an_address_may_name_several_hosts(name: str, url: str) -> None:
    require_server_address(name, url)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("AMQP_URL", "amqp://u:secret@h1:1,/v"),
        ("AMQP_URL", "amqp://u:secret@h1:1,h2:x/v"),
        ("AMQP_URL", "amqp://u:secret@h1:1,h2:0/v"),
        ("DATABASE_URL", "postgresql://u:secret@h1:1,h2:65536/d"),
        ("DATABASE_URL", "postgresql://u:secret@/d?host=h1,h2,h3&port=1,2"),
        ("DATABASE_URL", "postgresql://u:secret@/d?host=h1,h2&port=1,two"),
    ],
)
def test_a_wrong_host_among_several_is_refused_in_one_line_without_the_password(name: str, url: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} is not a valid address: .* several hosts as [^\n]*$") as refused:
        require_server_address(name, url)
    assert "secret" not in str(refused.value)


def test_a_role_has_its_own_login_at_every_host() -> None:
    password = password_of(BrokerRole.WEB, "secret")
    own = url_for(BrokerRole.WEB, f"amqp://{SETUP_USER}:secret@h1:1,h2:2/v")
    assert own == f"amqp://daytrade.web:{password}@h1:1,h2:2/v"
    own = roles.url_for(DatabaseRole.SITE, for_own_server(f"postgresql://{roles.OWNER}:secret@h1:1,h2:2/d"))
    assert own.startswith(f"postgresql://daytrade_site:{roles.password_of(DatabaseRole.SITE, 'secret')}@h1:1,h2:2/d?")
