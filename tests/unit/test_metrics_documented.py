"""Metrics: docs/operations.md lists each one, and alert rules name no other."""

import importlib
import re

from prometheus_client import REGISTRY

from quotecache import counting
from quotecache.cache import Counts
from runtime.metrics import Distribution
from tests.test_architecture import ROOT

TABLE_ROW = re.compile(r"^\| `(daytrade_\w+)` \| (\w+) \|", re.MULTILINE)
DECLARE = (
    *(f"{room}.counting" for room in ("consumers.audit", "consumers.transactions", "consumers.triggers", "ownership")),
    *("database.pool_figures", "webapp.monitoring"),
)
"""Modules that declare metrics when they are imported."""

DECLARED_LATER = {"daytrade_live_streams": "gauge"}
"""Metrics that a process declares only when it starts."""


def declared() -> dict[str, str]:
    """Types of the project's metrics by their names in rules."""
    for module in DECLARE:
        importlib.import_module(module)
    counting.expose(Counts(), 5)
    families = {family.name: family.type for family in REGISTRY.collect() if family.name.startswith("daytrade_")}
    return DECLARED_LATER | {name + "_total" * (kind == "counter"): kind for name, kind in families.items()}


def test_the_table_of_metrics_lists_each_with_its_type() -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert dict(TABLE_ROW.findall(text)) == declared()


def test_alert_rules_name_metrics_that_there_are() -> None:
    text = (ROOT / "deploy" / "monitoring" / "alerts.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"\bdaytrade_\w+", text))
    known = declared()
    assert len(named) >= 10
    assert {name for name in named if name.removesuffix("_bucket") not in known} == set()


def test_a_distribution_counts_a_value_at_a_bound_in_the_lower_bucket() -> None:
    lengths = Distribution("test_lengths", "Lengths", (1, 10))
    lengths.add(1)
    lengths.add_sorted([2_000, 2_000, 2_000, 11_000], per_unit=1_000)
    (family,) = lengths.collect()
    REGISTRY.unregister(lengths)
    values = {sample.labels.get("le", sample.name): sample.value for sample in family.samples}
    assert values == {"1": 1, "10": 4, "+Inf": 5, "test_lengths_count": 5, "test_lengths_sum": 18}
