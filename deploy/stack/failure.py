"""The error of the deploy folder. Nothing else may be in this file."""


class StackError(Exception):
    """Failure of a command of the stack; the text says in one line what is wrong and what to do about it."""
