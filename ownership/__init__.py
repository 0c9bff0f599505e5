"""Ownership of a log's partitions: leases, epochs, the outbox, and the life of an owning process."""
