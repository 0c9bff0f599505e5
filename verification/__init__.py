"""Recomputes from a database what the system promises, without a line of the code that it judges: only schema/."""
