"""The contracts of the system: what travels between processes and what is kept. No behaviour that needs I/O."""
