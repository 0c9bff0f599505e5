"""Stores for each partition when the newest message that its owner has taken was published."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('partitions', sa.Column('taken_ms', sa.BigInteger(), server_default='0', nullable=False, comment='Latest publishing time of the messages that an owner has taken, ms since the epoch'))


def downgrade() -> None:
    op.drop_column('partitions', 'taken_ms')
