"""Commands of `make`: the checks, the run and the cleanup of each."""
