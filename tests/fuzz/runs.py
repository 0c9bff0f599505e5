"""Number of examples of the property tests that `make fuzz` runs longer than `make test` does."""

import os


def runs(usual: int, examples_per_run: int = 1) -> int:
    """Returns `usual`, or the runs that DAYTRADE_FUZZ_RUNS asks for divided by `examples_per_run`, if that is more."""
    return max(usual, int(os.environ.get("DAYTRADE_FUZZ_RUNS", "0")) // examples_per_run)
