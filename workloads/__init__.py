"""Workload files: a generator with the statistics of the official ones, and two small files of its making."""
