"""`python -m tests.chaos.unfenced DEFENCE -- MODULE`: runs a process of the system with one of its defences taken away.

The negative controls start processes this way, to prove that a round detects the damage. The product has no switch that
could do this: this module replaces the defence in memory, and then runs the module as `python -m MODULE` would.
"""

import contextlib
import runpy
import sys
from collections.abc import Callable, Mapping

from consumers.audit import store as audit_store
from consumers.audit.numbering import NumberedMessage, Numbering, Part
from consumers.transactions import store
from ownership import outbox, partitions
from schema import chain
from schema.errors import Fenced

USAGE = "usage: python -m tests.chaos.unfenced fence|outbox|lookup|numbering -- MODULE"


def _without_fence() -> None:
    """Lets an owner commit after its partitions have gone to another one."""
    fence = partitions.fence

    def unfenced(*given: object, **named: object) -> None:
        with contextlib.suppress(Fenced):
            fence(*given, **named)

    partitions.fence = unfenced


def _without_outbox() -> None:
    """Hides from a new owner the messages that the previous one has committed and not published."""
    outbox.left_over = lambda *_: []


def _without_lookup() -> None:
    """Makes every look-up answer that the history does not hold the command."""
    store.newest_ids = lambda *_: {}
    store.answers = lambda *_: {}


def _without_numbering() -> None:
    """Stores every audit message, whatever its numbers are. The hash chain gets links that cover no rows.

    If Postgres refuses a row, the session ends. Otherwise the audit worker would stop that row's source.
    """
    link = chain.link

    def let_through(_: Numbering, arrival: NumberedMessage) -> list[Part]:
        return [Part(arrival, 0)]

    def link_of_nothing(previous: bytes, source: int, _: int, last_number: int, __: bytes) -> chain.ChainLink:
        return link(previous, source, last_number + 1, last_number, b"")  # no link can cover rows stored twice

    Numbering.take = let_through
    chain.link = link_of_nothing
    audit_store.refuses_data = lambda _: False


TAKE_AWAY: Mapping[str, Callable[[], None]] = {
    "fence": _without_fence,
    "outbox": _without_outbox,
    "lookup": _without_lookup,
    "numbering": _without_numbering,
}
"""Functions that take a defence away from this process, by the defence's name."""


def main() -> None:
    match sys.argv[1:]:
        case [defence, "--", module] if defence in TAKE_AWAY:
            TAKE_AWAY[defence]()
            sys.argv[1:] = []
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        case _:
            sys.exit(USAGE)


if __name__ == "__main__":
    main()
