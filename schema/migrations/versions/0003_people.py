"""The web's own tables: people, sessions, API tokens, idempotency keys, watch lists."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

person_role = ENUM("user", "administrator", name="person_role", create_type=False)


def upgrade() -> None:
    person_role.create(op.get_bind())
    op.create_table('people',
    sa.Column('user_id', sa.Text(), nullable=False, comment="the user of this person's commands"),
    sa.Column('password_hash', sa.Text(), nullable=False, comment='argon2id, with its parameters and salt'),
    sa.Column('role', person_role, nullable=False),
    sa.Column('created_at_ms', sa.BigInteger(), nullable=False),
    sa.Column('session_epoch', sa.BigInteger(), server_default='0', nullable=False, comment='raised: all sessions are over'),
    sa.CheckConstraint("user_id ~ '^[A-Za-z0-9_.@-]{1,64}$'", name=op.f('people_user_id_valid')),
    sa.PrimaryKeyConstraint('user_id', name=op.f('people_pkey'))
    )
    op.create_table('web_sessions',
    sa.Column('session_digest', sa.LargeBinary(length=32), nullable=False, comment='SHA-256 of the id in the cookie'),
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('session_epoch', sa.BigInteger(), nullable=False, comment='that of the person when it began'),
    sa.Column('created_at_ms', sa.BigInteger(), nullable=False),
    sa.Column('expires_at_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('session_digest', name=op.f('web_sessions_pkey'))
    )
    op.create_index('web_sessions_user_id_idx', 'web_sessions', ['user_id'])
    op.create_table('api_tokens',
    sa.Column('token_digest', sa.LargeBinary(length=32), nullable=False, comment='SHA-256; the token itself is kept nowhere'),
    sa.Column('token_id', sa.BigInteger(), sa.Identity(), nullable=False),
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('created_at_ms', sa.BigInteger(), nullable=False),
    sa.Column('last_used_at_ms', sa.BigInteger(), nullable=True, comment='to the minute'),
    sa.Column('revoked_at_ms', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('token_digest', name=op.f('api_tokens_pkey')),
    sa.UniqueConstraint('user_id', 'token_id', name='api_tokens_token_id_key')
    )
    op.create_table('idempotency_keys',
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('command_id', sa.LargeBinary(length=16), nullable=False, comment='BLAKE2b over user and key'),
    sa.Column('body_digest', sa.LargeBinary(length=16), nullable=False, comment="of the command's name and arguments"),
    sa.Column('transaction_number', sa.BigInteger(), nullable=False),
    sa.Column('created_at_ms', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('length(command_id) = 16', name=op.f('idempotency_keys_command_id_whole')),
    sa.PrimaryKeyConstraint('user_id', 'key', name=op.f('idempotency_keys_pkey')),
    sa.UniqueConstraint('user_id', 'command_id', name='idempotency_keys_command_id_key')
    )
    op.create_table('watched_symbols',
    sa.Column('user_id', sa.Text(), nullable=False),
    sa.Column('symbol', sa.Text(), nullable=False),
    sa.Column('added_at_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('user_id', 'symbol', name=op.f('watched_symbols_pkey'))
    )


def downgrade() -> None:
    op.drop_table('watched_symbols')
    op.drop_table('idempotency_keys')
    op.drop_table('api_tokens')
    op.drop_index('web_sessions_user_id_idx', table_name='web_sessions')
    op.drop_table('web_sessions')
    op.drop_table('people')
    person_role.drop(op.get_bind())
