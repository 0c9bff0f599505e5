"""The list of grants: it names every table, and gives no process what only another one may do."""

import pytest

import schema.dump_tables
import schema.log_tables
import schema.quote_tables
import schema.web_tables  # noqa: F401 - imported for the tables it adds
from schema.grants import APPEND_ONLY, GRANTS, DatabaseRole
from schema.tables import metadata

BESIDES = {"quote_lookups", "transaction_numbers", "alembic_version"}
"""View, sequence and table that the migrations make without a description in `schema/`."""

SECRETS = {
    "people": {DatabaseRole.SITE, DatabaseRole.LIVE},
    "web_sessions": {DatabaseRole.SITE, DatabaseRole.LIVE},
    "api_tokens": {DatabaseRole.SITE, DatabaseRole.LIVE},
}
"""Roles that may read anything of each table with hashes or digests."""

WRITERS = {
    "accounts": {DatabaseRole.TRANSACTIONS},
    "positions": {DatabaseRole.TRANSACTIONS},
    "pending_orders": {DatabaseRole.TRANSACTIONS},
    "trigger_orders": {DatabaseRole.TRANSACTIONS},
    "history": {DatabaseRole.TRANSACTIONS},
    "audit_events": {DatabaseRole.AUDIT},
    "audit_chain": {DatabaseRole.AUDIT},
    "audit_sources": {DatabaseRole.AUDIT},
    "quote_fetches": {DatabaseRole.QUOTECACHE},
    "people": {DatabaseRole.SITE},
    "alembic_version": set(),
}
"""The only roles that may write to the tables of which everything depends."""


def readers(table: str) -> set[DatabaseRole]:
    return {role for role, privileges in GRANTS[table].items() if any(p.startswith("SELECT") for p in privileges)}


def writers(table: str) -> set[DatabaseRole]:
    return {role for role, privileges in GRANTS[table].items() if any(not p.startswith("SELECT") for p in privileges)}


def test_every_table_has_an_entry_and_every_entry_a_table():
    assert GRANTS.keys() == metadata.tables.keys() | BESIDES


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_rows_of_history_and_log_may_only_be_added(table):
    assert {privilege for privileges in GRANTS[table].values() for privilege in privileges} == {"SELECT", "INSERT"}


@pytest.mark.parametrize("table", SECRETS)
def test_only_the_processes_of_the_site_read_secrets_and_only_the_site_hashes_of_passwords(table):
    assert readers(table) == SECRETS[table]
    for role in readers(table) - {DatabaseRole.SITE}:
        assert "SELECT(password_hash)" not in GRANTS[table][role]
        assert table != "people" or "SELECT" not in GRANTS[table][role]
        assert table != "people" or "SELECT" not in GRANTS[table][role]


@pytest.mark.parametrize("table", WRITERS)
def test_a_table_is_written_by_one_kind_of_process(table):
    assert writers(table) == WRITERS[table]


def test_nobody_changes_a_persons_role_through_the_site():
    assert not {"UPDATE", "UPDATE(role)", "UPDATE(user_id)", "DELETE"} & set(GRANTS["people"][DatabaseRole.SITE])


def test_readers_write_nothing():
    assert not [table for table in GRANTS if DatabaseRole.READER in writers(table)]
