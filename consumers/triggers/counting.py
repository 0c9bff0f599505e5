"""Metrics of a trigger worker. docs/operations.md explains them."""

from runtime.metrics import Counter, Gauge

FIRES = Counter("daytrade_fires", "Fills sent: trigger orders whose price was reached")
ARMED = Gauge("daytrade_armed_orders", "Armed trigger orders that this process watches")
