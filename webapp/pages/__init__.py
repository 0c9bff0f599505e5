"""The pages people see: HTML made on the server, and its fragments, which scripts replace when news come.

Views translate a request to a call of `webapp.commands`, `webapp.reads` or `webapp.accounts`, and its result to a
template. No SQL, no broker, no rule about money in here.
"""

from webapp.pages import (
    context,
    dashboard,
    entry,
    fragments,
    history,
    log,
    operations,
    submit,
    symbols,
    trading,
)
from webapp.pages.root import pages

__all__ = [
    "context", "dashboard", "entry", "fragments", "history", "log", "operations", "pages", "submit",
    "symbols", "trading",
]  # fmt: skip
