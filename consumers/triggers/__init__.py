"""Trigger workers: they watch prices and request fills of trigger orders. They change no account themselves."""
