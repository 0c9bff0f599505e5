"""Competing consumers: transaction workers, trigger workers, and the audit worker."""
