"""First schema: accounts and what belongs to them, history, quotes, the audit log, ownership and outbox."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

command_name = ENUM(
    "ADD", "QUOTE", "BUY", "COMMIT_BUY", "CANCEL_BUY", "SELL", "COMMIT_SELL", "CANCEL_SELL", "SET_BUY_AMOUNT",
    "SET_BUY_TRIGGER", "CANCEL_SET_BUY", "SET_SELL_AMOUNT", "SET_SELL_TRIGGER", "CANCEL_SET_SELL",
    "DISPLAY_SUMMARY", "DUMPLOG",
    name="command_name", create_type=False,
)
outcome = ENUM(
    "done", "rejected",
    name="outcome", create_type=False,
)
reason = ENUM(
    "bad_arguments", "amount_not_positive", "bad_file_name", "not_administrator", "no_account", "too_little_cash",
    "no_shares", "no_quote", "no_pending_buy", "no_pending_sell", "no_buy_amount", "no_sell_amount",
    "no_trigger_order", "amount_below_trigger", "amount_below_one_share", "too_few_shares", "too_many_pending",
    "balance_limit",
    name="reason", create_type=False,
)
history_kind = ENUM(
    "command", "fill", "expiry",
    name="history_kind", create_type=False,
)
side = ENUM(
    "buy", "sell",
    name="side", create_type=False,
)
audit_kind = ENUM(
    "userCommand", "quoteServer", "accountTransaction", "systemEvent", "errorEvent", "debugEvent", "marker",
    name="audit_kind", create_type=False,
)
ENUMS = (command_name, outcome, reason, history_kind, side, audit_kind)

HOT = ("accounts", "positions", "pending_orders", "trigger_orders", "partitions", "outbox")
OWNED = {"transactions": 16, "triggers": 8, "audit": 1, "quotecache": 1}


def upgrade() -> None:
    for enum in ENUMS:
        enum.create(op.get_bind())
    op.execute("CREATE SEQUENCE transaction_numbers")
    _accounts()
    _record()
    _audit_log()
    _ownership()
    for table in HOT:
        # Room on each page, so that an update that changes no key stays on its page and touches no index.
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 50)")


def _accounts() -> None:
    """Tables of a user's present state: account, positions and orders."""
    op.create_table('accounts',
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('opened', sa.Boolean(), nullable=False, comment='false: only rejected commands or quotes so far'),
    sa.Column('cash_cents', sa.BigInteger(), nullable=False, comment='available'),
    sa.Column('reserved_cents', sa.BigInteger(), nullable=False, comment='held by pending buys and buy triggers'),
    sa.Column('history_seq', sa.BigInteger(), nullable=False, comment='seq of the newest history row'),
    sa.CheckConstraint('cash_cents + reserved_cents <= 4611686018427387904', name=op.f('accounts_balance_limit')),
    sa.CheckConstraint('cash_cents >= 0', name=op.f('accounts_cash_not_negative')),
    sa.CheckConstraint('opened OR (cash_cents = 0 AND reserved_cents = 0)', name=op.f('accounts_closed_is_empty')),
    sa.CheckConstraint('reserved_cents >= 0', name=op.f('accounts_reserved_not_negative')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('accounts_pkey'))
    )
    op.create_table('positions',
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('symbol', sa.Text(), nullable=False),
    sa.Column('shares', sa.BigInteger(), nullable=False, comment='available'),
    sa.Column('reserved_shares', sa.BigInteger(), nullable=False, comment='held by pending sells and armed sell triggers'),
    sa.CheckConstraint('shares + reserved_shares <= 4611686018427387904', name=op.f('positions_balance_limit')),
    sa.CheckConstraint('reserved_shares >= 0', name=op.f('positions_reserved_shares_not_negative')),
    sa.CheckConstraint('shares >= 0', name=op.f('positions_shares_not_negative')),
    sa.PrimaryKeyConstraint('user_id', 'symbol', name=op.f('positions_pkey'))
    )
    op.create_table('pending_orders',
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('seq', sa.BigInteger(), nullable=False, comment="history seq of its BUY or SELL: the stack's order"),
    sa.Column('side', side, nullable=False),
    sa.Column('symbol', sa.Text(), nullable=False),
    sa.Column('shares', sa.BigInteger(), nullable=False),
    sa.Column('price_cents', sa.BigInteger(), nullable=False),
    sa.Column('expires_at_ms', sa.BigInteger(), nullable=False),
    sa.Column('transaction_number', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('price_cents > 0', name=op.f('pending_orders_price_positive')),
    sa.CheckConstraint('shares > 0', name=op.f('pending_orders_shares_positive')),
    sa.PrimaryKeyConstraint('user_id', 'seq', name=op.f('pending_orders_pkey'))
    )
    op.create_table('trigger_orders',
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('symbol', sa.Text(), nullable=False),
    sa.Column('side', side, nullable=False),
    sa.Column('amount_cents', sa.BigInteger(), nullable=False),
    sa.Column('trigger_cents', sa.BigInteger(), nullable=True, comment='null: not armed'),
    sa.Column('reserved_cents', sa.BigInteger(), nullable=False),
    sa.Column('reserved_shares', sa.BigInteger(), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False, comment='history seq of its last change'),
    sa.Column('transaction_number', sa.BigInteger(), nullable=False, comment='of the command that set it'),
    sa.CheckConstraint("side = 'buy' OR (reserved_cents = 0 AND reserved_shares = coalesce(amount_cents / trigger_cents, 0))", name=op.f('trigger_orders_sell_reserve')),
    sa.CheckConstraint("side = 'sell' OR (reserved_cents = amount_cents AND reserved_shares = 0)", name=op.f('trigger_orders_buy_reserve')),
    sa.CheckConstraint('amount_cents > 0', name=op.f('trigger_orders_amount_positive')),
    sa.CheckConstraint('trigger_cents > 0', name=op.f('trigger_orders_trigger_positive')),
    sa.PrimaryKeyConstraint('user_id', 'symbol', 'side', name=op.f('trigger_orders_pkey'))
    )
    op.create_index('trigger_orders_armed_idx', 'trigger_orders', ['symbol'], unique=False, postgresql_where=sa.text('trigger_cents IS NOT NULL'))


def _record() -> None:
    """Tables of what happened: the history, every paid quote, and the runs of workloads."""
    op.create_table('history',
    sa.Column('user_id', sa.Text(), nullable=False, comment="'' is nobody: the root DUMPLOG, commands without a valid user"),
    sa.Column('seq', sa.BigInteger(), nullable=False, comment='1, 2, 3, … per user: the order of effect'),
    sa.Column('kind', history_kind, nullable=False),
    sa.Column('command_id', sa.LargeBinary(length=16), nullable=False),
    sa.Column('transaction_number', sa.BigInteger(), nullable=False),
    sa.Column('command', command_name, nullable=False, comment='of a fill or expiry: the command that set the order'),
    sa.Column('symbol', sa.Text(), nullable=True),
    sa.Column('amount_cents', sa.BigInteger(), nullable=True),
    sa.Column('price_cents', sa.BigInteger(), nullable=True),
    sa.Column('outcome', outcome, nullable=False),
    sa.Column('reason', reason, nullable=True),
    sa.Column('cash_delta_cents', sa.BigInteger(), nullable=False),
    sa.Column('reserved_delta_cents', sa.BigInteger(), nullable=False),
    sa.Column('shares_delta', sa.BigInteger(), nullable=False),
    sa.Column('reserved_shares_delta', sa.BigInteger(), nullable=False),
    sa.Column('quote_id', sa.BigInteger(), nullable=True, comment='the quote whose price was used'),
    sa.Column('published_at_ms', sa.BigInteger(), nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=False, comment='when it was decided'),
    sa.CheckConstraint("(outcome = 'rejected') = (reason IS NOT NULL)", name=op.f('history_rejected_has_reason')),
    sa.CheckConstraint("outcome = 'done' OR (cash_delta_cents = 0 AND reserved_delta_cents = 0 AND shares_delta = 0 AND reserved_shares_delta = 0)", name=op.f('history_rejected_changes_nothing')),
    sa.PrimaryKeyConstraint('user_id', 'seq', name=op.f('history_pkey')),
    sa.UniqueConstraint('user_id', 'command_id', name='history_command_id_key')
    )
    op.create_table('quote_fetches',
    sa.Column('quote_id', sa.BigInteger(), sa.Identity(always=False), nullable=False),
    sa.Column('symbol', sa.Text(), nullable=False),
    sa.Column('user_id', sa.Text(), nullable=False, comment='whose command caused it'),
    sa.Column('transaction_number', sa.BigInteger(), nullable=False),
    sa.Column('for_trigger', sa.Boolean(), nullable=False),
    sa.Column('asked_at_ms', sa.BigInteger(), nullable=False, comment="our clock; the quote's life starts here"),
    sa.Column('answered_at_ms', sa.BigInteger(), nullable=True, comment='null: not (yet) answered; paid all the same'),
    sa.Column('price_cents', sa.BigInteger(), nullable=True),
    sa.Column('quote_server_time', sa.BigInteger(), nullable=True, comment='its clock, never used for expiry'),
    sa.Column('cryptokey', sa.Text(), nullable=True),
    sa.Column('failure', sa.Text(), nullable=True, comment='why the attempt gave no price: it is abandoned, and paid'),
    sa.CheckConstraint('price_cents > 0', name=op.f('quote_fetches_price_positive')),
    sa.CheckConstraint('price_cents IS NULL OR (answered_at_ms IS NOT NULL AND failure IS NULL)', name=op.f('quote_fetches_answer_whole')),
    sa.PrimaryKeyConstraint('quote_id', name=op.f('quote_fetches_pkey'))
    )
    op.create_index('quote_fetches_symbol_asked_at_ms_idx', 'quote_fetches', ['symbol', 'asked_at_ms'], unique=False)
    op.create_table('runs',
    sa.Column('source', sa.BigInteger(), autoincrement=False, nullable=False, comment='leading 8 bytes of its command ids'),
    sa.Column('workload', sa.Text(), nullable=False),
    sa.Column('started_at_ms', sa.BigInteger(), nullable=False),
    sa.Column('published', sa.BigInteger(), nullable=True, comment='commands confirmed by the broker; null while it runs'),
    sa.Column('replicas', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('source', name=op.f('runs_pkey'))
    )


def _audit_log() -> None:
    """The log of record, and the dumps of it."""
    op.create_table('audit_events',
    sa.Column('source', sa.SmallInteger(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False, comment='1, 2, 3, … per source'),
    sa.Column('kind', audit_kind, nullable=False),
    sa.Column('at_ms', sa.BigInteger(), nullable=False),
    sa.Column('transaction_number', sa.BigInteger(), nullable=False),
    sa.Column('command', command_name, nullable=True),
    sa.Column('user_id', sa.Text(), nullable=True),
    sa.Column('symbol', sa.Text(), nullable=True),
    sa.Column('filename', sa.Text(), nullable=True),
    sa.Column('funds_cents', sa.BigInteger(), nullable=True, comment='of an accountTransaction signed: > 0 add, < 0 remove'),
    sa.Column('message', sa.Text(), nullable=True),
    sa.Column('quote_server_time', sa.BigInteger(), nullable=True),
    sa.Column('cryptokey', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('source', 'number', name=op.f('audit_events_pkey'))
    )
    op.create_table('audit_sources',
    sa.Column('source', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('stored', sa.BigInteger(), nullable=False, comment='number of the newest stored entry'),
    sa.PrimaryKeyConstraint('source', name=op.f('audit_sources_pkey'))
    )
    op.create_table('dumps',
    sa.Column('dump_id', sa.Text(), nullable=False, comment='command id of the DUMPLOG, hexadecimal'),
    sa.Column('user_id', sa.Text(), nullable=True, comment='null: all users'),
    sa.Column('filename', sa.Text(), nullable=False),
    sa.Column('written_at_ms', sa.BigInteger(), nullable=True, comment='null: markers are missing, or the file is still to be written'),
    sa.Column('failure', sa.Text(), nullable=True, comment="why there is no file and never will be: its name clashes with another dump's"),
    sa.PrimaryKeyConstraint('dump_id', name=op.f('dumps_pkey'))
    )
    op.create_table('dump_markers',
    sa.Column('dump_id', sa.Text(), nullable=False),
    sa.Column('source', sa.SmallInteger(), nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False, comment="the dump holds this source's entries up to here"),
    sa.PrimaryKeyConstraint('dump_id', 'source', name=op.f('dump_markers_pkey'))
    )


def _ownership() -> None:
    """Tables of ownership: who may write which partition, how far it is, and what is still to be published."""
    op.create_table('partitions',
    sa.Column('consumer_group', sa.Text(), nullable=False),
    sa.Column('partition', sa.SmallInteger(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=True),
    sa.Column('epoch', sa.BigInteger(), server_default='0', nullable=False, comment='number of the ownership: the fence'),
    sa.Column('lease_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('position', sa.BigInteger(), server_default='0', nullable=False, comment='lowest unfinished offset'),
    sa.Column('high', sa.BigInteger(), server_default='-1', nullable=False, comment='highest touched offset'),
    sa.Column('audit_number', sa.BigInteger(), server_default='0', nullable=False, comment='of the newest audit entry'),
    sa.Column('clock_ms', sa.BigInteger(), server_default='0', nullable=False, comment='time of the newest decision'),
    sa.CheckConstraint('position <= high + 1', name=op.f('partitions_position_below_high')),
    sa.PrimaryKeyConstraint('consumer_group', 'partition', name=op.f('partitions_pkey'))
    )
    op.create_table('replicas',
    sa.Column('consumer_group', sa.Text(), nullable=False),
    sa.Column('replica', sa.Text(), nullable=False),
    sa.Column('live_until', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('consumer_group', 'replica', name=op.f('replicas_pkey'))
    )
    op.create_table('outbox',
    sa.Column('consumer_group', sa.Text(), nullable=False),
    sa.Column('partition', sa.SmallInteger(), nullable=False),
    sa.Column('messages', sa.LargeBinary(), nullable=False, comment='MessagePack: what to publish before anything newer'),
    sa.PrimaryKeyConstraint('consumer_group', 'partition', name=op.f('outbox_pkey'))
    )
    # Packed once by the sender; compressing again costs more than the pages it saves, for a row that lives 50 ms.
    op.execute("ALTER TABLE outbox ALTER COLUMN messages SET STORAGE EXTERNAL")
    partitions = sa.table("partitions", sa.column("consumer_group"), sa.column("partition"))
    rows = [{"consumer_group": group, "partition": n} for group, count in OWNED.items() for n in range(count)]
    op.bulk_insert(partitions, rows)


def downgrade() -> None:
    op.execute("DROP SEQUENCE transaction_numbers")
    op.drop_index('trigger_orders_armed_idx', table_name='trigger_orders', postgresql_where=sa.text('trigger_cents IS NOT NULL'))
    op.drop_table('trigger_orders')
    op.drop_table('runs')
    op.drop_table('replicas')
    op.drop_index('quote_fetches_symbol_asked_at_ms_idx', table_name='quote_fetches')
    op.drop_table('quote_fetches')
    op.drop_table('positions')
    op.drop_table('pending_orders')
    op.drop_table('partitions')
    op.drop_table('outbox')
    op.drop_table('history')
    op.drop_table('dumps')
    op.drop_table('dump_markers')
    op.drop_table('audit_sources')
    op.drop_table('audit_events')
    op.drop_table('accounts')
    for enum in ENUMS:
        enum.drop(op.get_bind())
