"""Rebuild of the state from the command streams, to prove that it is what the streams say (docs/architecture.md)."""
