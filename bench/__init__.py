"""Measurements against real servers and processes. They print tables; nothing here passes or fails a build."""
