"""Since when a command waited for its quote, and a view of the lookups: what spec §4 counts the floor from."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('history', sa.Column('waited_since_ms', sa.BigInteger(), comment="when its turn came, if it found no usable quote then"))
    # A price was needed when its command's turn came. Who had to wait needed it from then on, but no earlier than it
    # was asked for: that is milliseconds later, and the quote's life begins there.
    op.execute("""
        CREATE VIEW quote_lookups AS
        SELECT h.user_id, h.command_id, h.symbol, h.at_ms, h.quote_id,
            CASE WHEN h.waited_since_ms IS NULL THEN h.at_ms ELSE greatest(h.waited_since_ms, f.asked_at_ms) END
                AS needed_at_ms,
            CASE WHEN f.user_id = h.user_id AND f.transaction_number = h.transaction_number THEN 'bought'
                WHEN h.waited_since_ms IS NOT NULL THEN 'joined' ELSE 'hit' END AS served_by
        FROM history AS h JOIN quote_fetches AS f USING (quote_id) WHERE h.kind = 'command'""")


def downgrade() -> None:
    op.execute("DROP VIEW quote_lookups")
    op.drop_column('history', 'waited_since_ms')
