"""Recomputes the system's invariants from a database. Of the code that it judges it shares only schema/."""
