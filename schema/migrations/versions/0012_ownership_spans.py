"""Adds a record of the times in which each partition was owned.

Verification does not count the time without an owner as lateness.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('ownership_spans',
    sa.Column('consumer_group', sa.Text(), nullable=False),
    sa.Column('partition', sa.SmallInteger(), nullable=False),
    sa.Column('epoch', sa.BigInteger(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False),
    sa.Column('owned_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('owned_until', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('owned_from <= owned_until', name=op.f('ownership_spans_time_passes')),
    sa.PrimaryKeyConstraint('consumer_group', 'partition', 'epoch', 'owned_from', name=op.f('ownership_spans_pkey')),
    comment='Ownerships that have ended; rows are added, and never changed'
    )
    op.add_column('partitions', sa.Column('owned_from', sa.DateTime(timezone=True), nullable=True, comment='since when, without a gap; null: nobody owns it'))
    # Until now only the number of ownerships was stored, not their times. So the record begins with a span of no length
    # for the newest one. Verification takes all earlier time as time without an owner.
    op.execute("""
        INSERT INTO ownership_spans
        SELECT consumer_group, partition, epoch, coalesce(owner, 'not on record'), now(), now()
        FROM partitions WHERE epoch > 0""")
    op.execute("UPDATE partitions SET owned_from = clock_timestamp() WHERE owner IS NOT NULL")


def downgrade() -> None:
    op.drop_column('partitions', 'owned_from')
    op.drop_table('ownership_spans')
