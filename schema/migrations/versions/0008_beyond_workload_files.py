"""Adds columns for orders by shares and for commands that name their order, and four new reasons (spec §3a)."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

REASONS = {
    'too_many_trigger_orders': 'no_account',
    'quote_allowance_used_up': 'no_shares',
    'not_newest_order': 'no_pending_sell',
    'trigger_allowance_used_up': 'too_many_pending',
}
"""New reasons, each with the existing one behind which Postgres sorts it."""


def upgrade() -> None:
    for reason, before in REASONS.items():
        op.execute(f"ALTER TYPE reason ADD VALUE IF NOT EXISTS '{reason}' AFTER '{before}'")
    op.add_column('history', sa.Column('shares', sa.BigInteger(), comment="what a BUY or SELL named instead of an amount"))
    op.add_column('history', sa.Column('order_seq', sa.BigInteger(), comment="the pending order that a COMMIT or CANCEL named"))
    op.add_column('history', sa.Column('newest_order_seq', sa.BigInteger(), comment="the newest pending order of that side, if another was named"))
    op.create_check_constraint('by_shares', 'history',
        "shares IS NULL OR (shares > 0 AND command IN ('BUY', 'SELL')"
        " AND CASE WHEN outcome = 'done' THEN amount_cents = shares * price_cents ELSE true END)")
    # The reason is compared as text: Postgres lets no transaction use an enumeration's value that it has just added.
    op.create_check_constraint('named_order', 'history',
        "CASE WHEN order_seq IS NULL THEN newest_order_seq IS NULL"
        " ELSE command IN ('COMMIT_BUY', 'CANCEL_BUY', 'COMMIT_SELL', 'CANCEL_SELL')"
        " AND (newest_order_seq IS NOT NULL) = (reason::text IS NOT DISTINCT FROM 'not_newest_order')"
        " AND newest_order_seq IS DISTINCT FROM order_seq END")


def downgrade() -> None:
    op.drop_constraint('named_order', 'history', type_='check')
    op.drop_constraint('by_shares', 'history', type_='check')
    op.drop_column('history', 'newest_order_seq')
    op.drop_column('history', 'order_seq')
    op.drop_column('history', 'shares')
    # The new reasons stay: Postgres cannot take a value out of an enumeration, and rows may hold them.
