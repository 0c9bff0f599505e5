"""The only one that talks to the legacy quote server, what others use to hear of prices, and a stand-in for it."""
