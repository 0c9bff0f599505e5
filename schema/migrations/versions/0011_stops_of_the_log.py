"""Adds the table of stops: an entry of a source (a partition, or the quote cache) that the audit worker cannot store.

A row names the entry, the reason, and the offset from which the audit stream has to be read again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_stops',
    sa.Column('source', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('number', sa.BigInteger(), nullable=False, comment='of the first entry that is not stored'),
    sa.Column('stream_offset', sa.BigInteger(), nullable=False, comment='where the audit stream is to be read again from'),
    sa.Column('reason', sa.Text(), nullable=False, comment='why that entry is not stored'),
    sa.Column('stopped_at_ms', sa.BigInteger(), nullable=False, comment='by the clock of the database'),
    sa.PrimaryKeyConstraint('source', name=op.f('audit_stops_pkey'))
    )


def downgrade() -> None:
    # Earlier versions do not know stops, so they have to read the audit stream again from the first stop's offset.
    op.execute("""
        UPDATE partitions SET position = least(position, (SELECT min(stream_offset) FROM audit_stops))
        WHERE consumer_group = 'audit' AND EXISTS (SELECT FROM audit_stops)""")
    op.drop_table('audit_stops')
