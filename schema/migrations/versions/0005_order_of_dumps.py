"""Dumps are numbered in the order in which the log named them, so that an older one never replaces a newer file."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

OF_A_CLASH = "why there is no file and never will be: its name clashes with another dump's"


def upgrade() -> None:
    # Older dumps get numbers in the order of their rows. Only dumps of users in different partitions are compared by
    # this number.
    op.add_column('dumps', sa.Column('dump_number', sa.BigInteger(), sa.Identity(), nullable=False, comment='the order in which the log named them'))
    op.alter_column('dumps', 'failure', existing_type=sa.Text(), comment="why it has no file of its own: its name clashes with one, or a later dump has it", existing_comment=OF_A_CLASH)


def downgrade() -> None:
    op.alter_column('dumps', 'failure', existing_type=sa.Text(), comment=OF_A_CLASH)
    op.drop_column('dumps', 'dump_number')
