"""The consumers that run commands against accounts: a pure core (account, engine and its rules) and its shell."""
