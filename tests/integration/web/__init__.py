"""The web on real servers and real workers: one running system for each file of tests."""
