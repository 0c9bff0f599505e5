"""Roles of the processes in Postgres, and what each may do to each table: the only list. No I/O, no SQL.

`database/grants.py` applies it after each migration. The owner of the tables is none of these roles: it migrates, and
no process has its password. A test fails for a table without an entry.
"""

import enum
from collections.abc import Mapping


class DatabaseRole(enum.StrEnum):
    """Roles, one for each kind of process."""

    TRANSACTIONS = "transactions"
    TRIGGERS = "triggers"
    AUDIT = "audit"
    QUOTECACHE = "quotecache"
    SITE = "site"
    LIVE = "live"
    """The site's live updates."""
    MARKET = "market"
    LOADTEST = "loadtest"
    READER = "reader"
    """Operators' commands that change nothing: verification, exports, figures, lists."""


Privileges = tuple[str, ...]
"""Privileges as SQL names them; one for a single column has its name in brackets: `UPDATE(password_hash)`."""

READ: Privileges = ("SELECT",)
ADD: Privileges = ("SELECT", "INSERT")
KEEP: Privileges = ("SELECT", "INSERT", "UPDATE")
ALL: Privileges = ("SELECT", "INSERT", "UPDATE", "DELETE")

TRANSACTIONS, TRIGGERS, AUDIT, QUOTECACHE = (
    DatabaseRole.TRANSACTIONS,
    DatabaseRole.TRIGGERS,
    DatabaseRole.AUDIT,
    DatabaseRole.QUOTECACHE,
)
SITE, LIVE, MARKET = DatabaseRole.SITE, DatabaseRole.LIVE, DatabaseRole.MARKET
LOADTEST, READER = DatabaseRole.LOADTEST, DatabaseRole.READER

_INSPECTED = {LOADTEST: READ, READER: READ}

GRANTS: Mapping[str, Mapping[DatabaseRole, Privileges]] = {
    # The ledger: transaction workers write it.
    "accounts": {TRANSACTIONS: KEEP, SITE: READ, LIVE: READ} | _INSPECTED,
    "positions": {TRANSACTIONS: KEEP, SITE: READ, LIVE: READ} | _INSPECTED,
    "pending_orders": {TRANSACTIONS: ("SELECT", "INSERT", "DELETE"), SITE: READ} | _INSPECTED,
    "trigger_orders": {TRANSACTIONS: ALL, TRIGGERS: READ, SITE: READ, LIVE: READ} | _INSPECTED,
    "history": {TRANSACTIONS: ADD, SITE: READ, LIVE: READ} | _INSPECTED,
    # The log of record: the audit worker writes it.
    "audit_events": {AUDIT: ADD} | _INSPECTED,
    "audit_chain": {AUDIT: ADD} | _INSPECTED,
    "audit_sources": {AUDIT: KEEP} | _INSPECTED,
    "audit_stops": {AUDIT: ALL, SITE: READ} | _INSPECTED,
    "audit_dead_offsets": {AUDIT: ("SELECT", "INSERT", "DELETE"), READER: READ},
    "dumps": {AUDIT: KEEP, SITE: READ} | _INSPECTED,
    "dump_markers": {AUDIT: ADD} | _INSPECTED,
    # Quotes: the quote cache writes them.
    "quote_fetches": {QUOTECACHE: KEEP, SITE: READ, LIVE: READ} | _INSPECTED,
    "quote_lookups": {SITE: READ} | _INSPECTED,
    # Ownership of logs: every worker keeps its own group's rows.
    "partitions": dict.fromkeys((TRANSACTIONS, TRIGGERS, AUDIT, QUOTECACHE), ("SELECT", "UPDATE"))
    | {SITE: READ}
    | _INSPECTED,
    "replicas": dict.fromkeys((TRANSACTIONS, TRIGGERS, AUDIT, QUOTECACHE), ALL) | {SITE: READ} | _INSPECTED,
    "ownership_spans": dict.fromkeys((TRANSACTIONS, TRIGGERS, AUDIT, QUOTECACHE), ("INSERT",)) | _INSPECTED,
    "outbox": dict.fromkeys((TRANSACTIONS, QUOTECACHE), ALL) | {READER: READ},
    "dead_letters": dict.fromkeys((TRANSACTIONS, AUDIT), ADD) | {SITE: READ} | _INSPECTED,
    # Load tests.
    "runs": {LOADTEST: KEEP, READER: READ},
    # The site's own tables. Only the site sees hashes of passwords; digests of tokens also its live updates see.
    "people": {
        SITE: ("SELECT", "INSERT", "UPDATE(password_hash)", "UPDATE(session_epoch)"),
        LIVE: ("SELECT(user_id)", "SELECT(role)", "SELECT(created_at_ms)", "SELECT(session_epoch)"),
    },
    "web_sessions": {SITE: ("SELECT", "INSERT", "DELETE"), LIVE: READ},
    "api_tokens": {
        SITE: ("SELECT", "INSERT", "UPDATE(last_used_at_ms)", "UPDATE(revoked_at_ms)"),
        LIVE: (
            *("SELECT(token_digest)", "SELECT(user_id)", "SELECT(session_epoch)", "SELECT(scope)"),
            *("SELECT(expires_at_ms)", "SELECT(last_used_at_ms)", "SELECT(revoked_at_ms)"),
        ),
    },
    "idempotency_keys": {SITE: ADD},
    "watched_symbols": {SITE: ("SELECT", "INSERT", "DELETE"), LIVE: READ, MARKET: READ},
    "transaction_numbers": dict.fromkeys((SITE, MARKET), ("USAGE",)),
    # The number of the schema's version, for migrations.
    "alembic_version": {},
}
"""Privileges by table, view or sequence, and by role. What is not listed is refused."""

APPEND_ONLY = ("history", "audit_events", "audit_chain")
"""Tables whose rows nobody changes or removes, the owner included: a trigger refuses it."""
