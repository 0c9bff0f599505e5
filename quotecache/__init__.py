"""The quote cache, the only client of the legacy quote server; its own clients; and a stand-in for that server."""
