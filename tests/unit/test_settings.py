"""Name of a process among all processes of its kind, from its setting REPLICA."""

import pytest

from schema.errors import SettingsError
from schema.settings import REPLICA_CHARACTERS_MAX, from_environment

SERVERS = {"AMQP_URL": "amqp://", "DATABASE_URL": "postgresql://"}


def test_the_names_of_all_processes_of_one_replica_begin_with_its_prefix_and_no_others_do() -> None:
    first, second = (from_environment(SERVERS | {"REPLICA": "worker-1"}) for _ in range(2))
    assert first.replica != second.replica
    assert first.replica_prefix == second.replica_prefix != ""
    assert first.replica.startswith(first.replica_prefix)
    assert not from_environment(SERVERS | {"REPLICA": "worker-11"}).replica.startswith(first.replica_prefix)


@pytest.mark.parametrize("environment", [{}, {"REPLICA": "w" * REPLICA_CHARACTERS_MAX}])
def test_a_name_that_other_replicas_may_have_gives_no_prefix(environment: dict[str, str]) -> None:
    assert from_environment(SERVERS | environment).replica_prefix == ""


@pytest.mark.parametrize("name", ["\udcff", "Łódź-1", "a\nb"])
def test_a_name_that_servers_cannot_show_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="REPLICA="):
        from_environment(SERVERS | {"REPLICA": name})
