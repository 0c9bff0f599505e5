"""Competing consumers, and the machinery they share: ownership of partitions and the outbox (design §2)."""
