"""Plans of the hot path's statements: they find rows by key, also if they were made while the tables were empty."""

import psycopg
import pytest

from consumers.transactions import store


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        (store._DELETE_PENDING, ("ann", 1)),
        (store._DELETE_TRIGGERS, ("ann", "ABC", "buy")),
        (store._LOAD_ACCOUNTS, ("ann",)),
        (store._LOAD_POSITIONS, ("ann",)),
        (store._LOAD_PENDING, ("ann",)),
        (store._LOAD_TRIGGERS, ("ann",)),
    ],
)
def test_a_worker_scans_no_table_for_rows(database_url, statement, row):
    with psycopg.connect(database_url) as database:
        database.execute("ANALYZE")  # so that Postgres knows that the tables are empty
        store.plan_by_keys(database)
        plan = [line for (line,) in database.execute(f"EXPLAIN {statement}", store._columns([row]))]
        assert any("Index" in line for line in plan), plan
        assert not any("Seq Scan" in line or "Hash Join" in line or "Merge Join" in line for line in plan), plan
