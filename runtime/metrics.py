"""The kinds of metrics of this project, on prometheus_client, which only this module imports.

Each room declares its own metrics in a module named `counting.py`; docs/operations.md lists all of them. A process
updates its counters once a batch, after the commit, and its gauges at most every `SAMPLE_SECONDS`, so that measuring
costs nothing that can be measured.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence

from prometheus_client import REGISTRY, Counter, Gauge, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

__all__ = ["Counter", "Distribution", "Gauge", "Sampling", "collect_counters", "collect_gauges", "make_wsgi_app"]

SAMPLE_SECONDS = 0.5
"""Seconds from one update of a worker's gauges to the next."""


class Sampling:
    """Reminder of when a worker's gauges are due."""

    def __init__(self) -> None:
        self._next = 0.0

    def is_due(self) -> bool:
        """Whether the gauges are due. If so, they are due again after `SAMPLE_SECONDS`."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + SAMPLE_SECONDS
        return True


class Distribution(Collector):
    """Histogram that takes all values of a batch at once; the one of prometheus_client takes one value a call.

    `bounds`: upper bounds of the buckets, in rising order. Only one thread may add values.
    """

    def __init__(self, name: str, text: str, bounds: Iterable[float]):
        self._name, self._text = name, text
        self._bounds = list(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        REGISTRY.register(self)

    def add(self, value: float) -> None:
        """Adds a value."""
        self.add_sorted([value])

    def add_sorted(self, values: Sequence[float], per_unit: int = 1) -> None:
        """Adds values in rising order. `per_unit`: how many of their units make one of the metric's (1,000 ms a s)."""
        below = 0
        for place, bound in enumerate(self._bounds):
            upto = bisect_right(values, bound * per_unit, below)
            self._counts[place] += upto - below
            below = upto
        self._counts[-1] += len(values) - below
        self._sum += sum(values) / per_unit

    def collect(self) -> Iterable[Metric]:
        total, buckets = 0, []
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        yield HistogramMetricFamily(self._name, self._text, buckets=buckets, sum_value=self._sum)

    def describe(self) -> Iterable[Metric]:
        yield HistogramMetricFamily(self._name, self._text)


class _Figures(Collector):
    """Metrics whose values a process keeps anyway, and which are read when somebody asks for them."""

    def __init__(
        self, family: type[CounterMetricFamily | GaugeMetricFamily], texts: Mapping[str, str], values: "Values"
    ):
        self._family, self._texts, self._values = family, texts, values
        REGISTRY.register(self)

    def collect(self) -> Iterable[Metric]:
        values = self._values()
        return [self._family(name, text, value=values[name]) for name, text in self._texts.items() if name in values]

    def describe(self) -> Iterable[Metric]:
        return [self._family(name, text) for name, text in self._texts.items()]


Values = Callable[[], Mapping[str, float]]
"""Values of metrics by name. The endpoint's thread calls it."""


def collect_counters(texts: Mapping[str, str], values: Values) -> None:
    """Declares counters, by name (without `_total`) with their meaning, whose values are read when asked for."""
    _Figures(CounterMetricFamily, texts, values)


def collect_gauges(texts: Mapping[str, str], values: Values) -> None:
    """Declares gauges, by name with their meaning, whose values are read when asked for."""
    _Figures(GaugeMetricFamily, texts, values)
