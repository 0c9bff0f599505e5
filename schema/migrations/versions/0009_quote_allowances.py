"""Adds a column that marks paid quotes that count against a person's allowance, and an index to count them (spec §3a).
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('quote_fetches', sa.Column('charged', sa.Boolean(), server_default='false', nullable=False, comment="counts against its user's daily allowance"))
    op.create_check_constraint('charged_is_for_a_command', 'quote_fetches', "NOT (charged AND for_trigger)")
    op.create_index('quote_fetches_charged_idx', 'quote_fetches', ['user_id', 'asked_at_ms'], unique=False, postgresql_where=sa.text("charged"))
    op.create_index('quote_fetches_refresh_idx', 'quote_fetches', ['asked_at_ms'], unique=False, postgresql_where=sa.text("for_trigger"))


def downgrade() -> None:
    op.drop_index('quote_fetches_refresh_idx', table_name='quote_fetches')
    op.drop_index('quote_fetches_charged_idx', table_name='quote_fetches')
    op.drop_constraint('charged_is_for_a_command', 'quote_fetches', type_='check')
    op.drop_column('quote_fetches', 'charged')
