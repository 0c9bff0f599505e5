"""Adds a column for whether a request to the quote server is paid; until now, words of its failure said so."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('quote_fetches', sa.Column('paid', sa.Boolean(), server_default='true', nullable=False, comment='false: it ended before it was sent, so nobody is paid for it'))
    op.execute("UPDATE quote_fetches SET paid = false WHERE starts_with(failure, 'not sent')")
    op.create_check_constraint('unpaid_is_failed', 'quote_fetches', "paid OR failure IS NOT NULL")
    op.alter_column('quote_fetches', 'answered_at_ms', comment='null: not (yet) answered')
    op.alter_column('quote_fetches', 'failure', comment='why the attempt gave no price')


def downgrade() -> None:
    # An earlier version reads the first words.
    op.execute("UPDATE quote_fetches SET failure = 'not sent: ' || failure WHERE NOT paid AND NOT starts_with(failure, 'not sent')")
    op.alter_column('quote_fetches', 'failure', comment='why the attempt gave no price: it is abandoned, and paid')
    op.alter_column('quote_fetches', 'answered_at_ms', comment='null: not (yet) answered; paid all the same')
    op.drop_constraint('unpaid_is_failed', 'quote_fetches', type_='check')
    op.drop_column('quote_fetches', 'paid')
