"""Exceptions for failures of servers, settings and input. Outcomes of commands are values (`outcomes.py`) instead."""


class DayTradeError(Exception):
    """Root of everything this project raises on purpose."""


class SettingsError(DayTradeError):
    """A setting is missing or out of its limits; the text says which, and what is allowed."""


class DecodeError(DayTradeError):
    """Bytes or text that are not a message of the contract."""


class ForgedMessage(DecodeError):
    """A message of the contract whose publisher may not send it."""


class MalformedMoney(DecodeError):
    """Text that is not an amount of money (spec §1)."""


class UnreadableLine(DecodeError):
    """A workload line from which no command can be made (spec §2)."""


class BrokerError(DayTradeError):
    """RabbitMQ is unreachable, closed the connection, or refused a request; the caller may reconnect and continue."""


class Unroutable(BrokerError):
    """A mandatory message for which no queue exists: the topology is not declared."""


class StoreError(DayTradeError):
    """Postgres is unreachable or refused a statement; nothing of the transaction was kept."""


class StoreAway(StoreError):
    """Postgres cannot do this now: it is unreachable, starting, read-only, full or busy. It may be able to later."""


class Fenced(StoreError):
    """Another worker owns the partition by now: this one must drop all its uncommitted decisions for the partition."""


class LogGap(DayTradeError):
    """A stream lacks messages that were not read yet, or was replaced: reading on would lose commands."""


class DumpImpossible(DayTradeError):
    """The file of a dump can never be written; the text explains why to the person who asked for it."""


class QuoteError(DayTradeError):
    """The legacy quote server gave no usable answer (spec §4)."""
