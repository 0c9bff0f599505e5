"""Reads for pages and API, from the database with plain SQL: one module per subject, all names exported here.

Every function needs a Flask application context (its database), returns msgspec structs, and raises Unavailable when
the database is unreachable. Nothing in here writes, decides, or knows of HTTP.
"""

from webapp.reads.accounts import AccountView, Portfolio, PositionView, account, portfolio, positions
from webapp.reads.allowances import PersonAllowances, Refreshes, allowances, refreshes
from webapp.reads.as_it_was import AccountAt, account_at
from webapp.reads.commands import command
from webapp.reads.dead_letters import DeadLetters, DeadLetterView, dead_letters
from webapp.reads.dumps import DumpView, dump, dumps
from webapp.reads.explain import Explanation, Step, explain
from webapp.reads.history import (
    HistoryFilter,
    HistoryPage,
    HistoryRowView,
    history,
    history_csv,
    history_json,
    history_row,
)
from webapp.reads.operations import Operations, PartitionLag, operations
from webapp.reads.orders import PendingOrderView, TriggerOrderView, TriggerTerms, pending_orders, trigger_orders
from webapp.reads.prices import Price, QuoteView, Trade, latest_quote, latest_quotes, price_history, trades
from webapp.reads.profit import Realised, SymbolProfit, realised
from webapp.reads.quote_cost import QuoteCostView
from webapp.reads.watching import unwatch, watch, watched_symbols

__all__ = [
    "AccountAt",
    "AccountView",
    "DeadLetterView",
    "DeadLetters",
    "DumpView",
    "Explanation",
    "HistoryFilter",
    "HistoryPage",
    "HistoryRowView",
    "Operations",
    "PartitionLag",
    "PendingOrderView",
    "PersonAllowances",
    "Portfolio",
    "PositionView",
    "Price",
    "QuoteCostView",
    "QuoteView",
    "Realised",
    "Refreshes",
    "Step",
    "SymbolProfit",
    "Trade",
    "TriggerOrderView",
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
