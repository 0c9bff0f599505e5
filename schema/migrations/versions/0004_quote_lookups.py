"""Adds the time at which a command began to wait for its quote, and a view of all uses of quotes.

The floor, the least number of paid quotes that could have served a run (spec §4), is counted from this view.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('history', sa.Column('waited_since_ms', sa.BigInteger(), comment="when its turn came, if it found no usable quote then"))
    # A command needed its price when its turn came. If it waited for a quote that was requested only then, it counts
    # from the request: that is milliseconds later, and the quote's 60 s begin there.
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
