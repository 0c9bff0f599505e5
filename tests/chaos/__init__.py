"""Chaos tests: a real workload runs through real processes while seeded faults strike.

Afterwards the judges prove that nothing was lost, doubled or reordered. Usage: `python -m tests.chaos --help`. Results:
docs/reliability.md.
"""
