"""The whole system as its users run it: real processes, real servers, real files."""
