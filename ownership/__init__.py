"""Owning partitions of a log: leases, epochs, the outbox, and the life of a process that does so (design §2)."""
