"""Contracts of the system: messages, stored rows, settings and errors. No behaviour that needs I/O."""
