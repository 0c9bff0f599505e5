"""The stack of this checkout: its folder, its record, its profiles, and who may use it."""
