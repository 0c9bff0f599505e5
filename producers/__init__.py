"""Producers of commands in the partition logs: the workload reader, the publisher, the market simulation."""
