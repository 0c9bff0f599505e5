"""Extends the index of armed trigger orders, so that a worker can read a symbol's many orders page by page."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ARMED = sa.text("trigger_cents IS NOT NULL")


def upgrade() -> None:
    op.drop_index('trigger_orders_armed_idx', table_name='trigger_orders')
    op.create_index('trigger_orders_armed_idx', 'trigger_orders', ['symbol', 'user_id', 'side'], unique=False, postgresql_where=ARMED)


def downgrade() -> None:
    op.drop_index('trigger_orders_armed_idx', table_name='trigger_orders')
    op.create_index('trigger_orders_armed_idx', 'trigger_orders', ['symbol'], unique=False, postgresql_where=ARMED)
