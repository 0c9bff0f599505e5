"""Says that `dumps.failure` also tells why the file of a written dump was removed."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

BEFORE = "Failed dump: why there is no file; waiting dump: why the last attempt to write it failed"


def upgrade() -> None:
    comment = f"{BEFORE}; written dump: why its file was removed"
    op.alter_column('dumps', 'failure', existing_type=sa.Text(), comment=comment, existing_comment=BEFORE)


def downgrade() -> None:
    op.execute("UPDATE dumps SET failure = NULL WHERE state = 'written'")
    op.alter_column('dumps', 'failure', existing_type=sa.Text(), comment=BEFORE)
