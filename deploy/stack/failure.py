"""The one error of this folder. Nothing else may be in here."""


class StackError(Exception):
    """The stack cannot do what was asked; the text says in one line what is wrong and what to do about it."""
