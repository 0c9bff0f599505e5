"""Reads for pages and API, from the database with plain SQL: one module per subject, all names exported here.

Every function needs a Flask application context (its database), returns msgspec structs, and raises Unavailable when
the database is away. Nothing in here writes, decides, or knows of HTTP.
"""

from webapp.reads.accounts import Account, Portfolio, Position, account, portfolio, positions
from webapp.reads.allowances import PersonAllowances, Refreshes, allowances, refreshes
from webapp.reads.as_it_was import AccountAt, account_at
from webapp.reads.commands import command
from webapp.reads.dead_letters import DeadLetter, DeadLetters, dead_letters
from webapp.reads.dumps import Dump, dump, dumps
from webapp.reads.explain import Explanation, Step, explain
from webapp.reads.history import HistoryFilter, HistoryPage, HistoryRow, history, history_csv, history_json, history_row
from webapp.reads.operations import Operations, PartitionLag, operations
from webapp.reads.orders import PendingOrder, TriggerOrder, TriggerTerms, pending_orders, trigger_orders
from webapp.reads.prices import Price, Quote, Trade, latest_quote, latest_quotes, price_history, trades
from webapp.reads.profit import Realised, SymbolProfit, realised
from webapp.reads.quote_cost import QuoteCost
from webapp.reads.watching import unwatch, watch, watched_symbols

__all__ = [
    "Account",
    "AccountAt",
    "DeadLetter",
    "DeadLetters",
    "Dump",
    "Explanation",
    "HistoryFilter",
    "HistoryPage",
    "HistoryRow",
    "Operations",
    "PartitionLag",
    "PendingOrder",
    "PersonAllowances",
    "Portfolio",
    "Position",
    "Price",
    "Quote",
    "QuoteCost",
    "Realised",
    "Refreshes",
    "Step",
    "SymbolProfit",
    "Trade",
    "TriggerOrder",
    "TriggerTerms",
    "account",
    "account_at",
    "allowances",
    "command",
    "dead_letters",
    "dump",
    "dumps",
    "explain",
    "history",
    "history_csv",
    "history_json",
    "history_row",
    "latest_quote",
    "latest_quotes",
    "operations",
    "pending_orders",
    "portfolio",
    "positions",
    "price_history",
    "realised",
    "refreshes",
    "trades",
    "trigger_orders",
    "unwatch",
    "watch",
    "watched_symbols",
]  # fmt: skip
