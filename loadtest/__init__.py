"""The load test: it publishes a workload, waits for it, and reports speed, cost and checks."""
