"""Recomputes the system's invariants from a database. It shares only schema/ with the code that it judges.

A pass is one query, over whose rows one or more invariants are checked.
"""
