"""Adds the offsets of audit messages that became dead letters; they stay when somebody discards the letters."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('audit_dead_offsets',
    sa.Column('stream_offset', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('stream_offset', name=op.f('audit_dead_offsets_pkey')),
    comment='Messages of the audit stream that were given up, for as long as they may be read again; their letters may be gone'
    )
    op.execute("INSERT INTO audit_dead_offsets SELECT stream_offset FROM dead_letters WHERE stream = 'audit'")


def downgrade() -> None:
    op.drop_table('audit_dead_offsets')
