"""The processes of the stack: how they are started, watched and stopped."""
