"""Users that the private servers run as."""

import os

import psutil
import pytest
from sqlalchemy.engine import make_url

from deploy.servers import broker_files


def _user_of_listener(port: int) -> int | None:
    for one in psutil.net_connections("tcp"):
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid:
            return psutil.Process(one.pid).uids().effective
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start servers as other users")
def test_servers_that_root_starts_run_as_two_other_users(amqp_url, database_url) -> None:
    if not broker_files.server_user():
        pytest.skip("the broker's user cannot enter this checkout")
    users = [_user_of_listener(make_url(url).port) for url in (amqp_url, database_url)]
    if None in users:
        pytest.skip("the servers were given, and run elsewhere")
    assert 0 not in users
    assert len(set(users)) == 2
