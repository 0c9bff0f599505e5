"""Supervision of the stack's processes: start, watch and stop."""
