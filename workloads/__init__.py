"""Workload files: a generator with the statistics of the official files, and two small files that it made."""
