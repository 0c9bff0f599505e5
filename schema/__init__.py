"""Contracts of the system: messages, stored rows, settings and errors. No behaviour that needs I/O.

A note like `spec §3` in a docstring names a section of the customer's specification, from which the rule comes. The
specification is not part of this repository.
"""
