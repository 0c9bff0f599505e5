"""Chaos: a real workload through real processes while seeded faults strike, and the proof that nothing was lost,
doubled or reordered. `python -m tests.chaos --help`; docs/reliability.md says what it has shown.
"""
