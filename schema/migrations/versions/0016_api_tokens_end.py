"""Gives each API token a scope, an expiry and its person's session epoch; tokens of an earlier version keep working."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

token_scope = ENUM("read", "trade", name="token_scope", create_type=False)

NOW = "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
LIFETIME_MS = 90 * 24 * 3600 * 1000


def upgrade() -> None:
    token_scope.create(op.get_bind())
    op.add_column('api_tokens', sa.Column('scope', token_scope, nullable=True, comment='read: only GET requests'))
    op.add_column('api_tokens', sa.Column('session_epoch', sa.BigInteger(), nullable=True, comment="The person's session_epoch when the token was made"))
    op.add_column('api_tokens', sa.Column('expires_at_ms', sa.BigInteger(), nullable=True))
    # A token without a person opens nothing: any epoch will do.
    op.execute(f"""
        UPDATE api_tokens t SET scope = 'trade', expires_at_ms = {NOW} + {LIFETIME_MS},
            session_epoch = coalesce((SELECT session_epoch FROM people p WHERE p.user_id = t.user_id), 0)""")
    for column in ('scope', 'session_epoch', 'expires_at_ms'):
        op.alter_column('api_tokens', column, nullable=False)
    op.alter_column('people', 'session_epoch', comment='Raising it ends all sessions and API tokens of this person')


def downgrade() -> None:
    # An earlier version knows only of revoking: what has ended must stay so, and a token that may only read must not trade.
    op.execute(f"""
        UPDATE api_tokens t SET revoked_at_ms = {NOW} WHERE revoked_at_ms IS NULL AND (
            scope = 'read' OR expires_at_ms <= {NOW}
            OR NOT EXISTS (SELECT FROM people p WHERE p.user_id = t.user_id AND p.session_epoch = t.session_epoch))""")
    op.alter_column('people', 'session_epoch', comment='raised: all sessions are over')
    op.drop_column('api_tokens', 'expires_at_ms')
    op.drop_column('api_tokens', 'session_epoch')
    op.drop_column('api_tokens', 'scope')
    token_scope.drop(op.get_bind())
