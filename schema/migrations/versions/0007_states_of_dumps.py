"""Gives dumps a state, which distinguishes dumps without a file from written ones."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ENUM

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATE = ENUM("waiting", "written", "replaced", "failed", name="dump_state", create_type=False)

OVERTAKEN = "a later dump of this name is written"
"""Text that earlier versions stored in `failure` of dumps that had not failed, but that a later dump replaced."""

OF_WRITTEN = "when its file was put in its place; null: it never was"
OF_WRITTEN_BEFORE = "null: markers are missing, or the file is still to be written"
OF_FAILURE = "failed: why there is no file; waiting: why the last attempt to write it failed"
OF_FAILURE_BEFORE = "why it has no file of its own: its name clashes with one, or a later dump has it"


def upgrade() -> None:
    STATE.create(op.get_bind())
    op.add_column('dumps', sa.Column('state', STATE, server_default='waiting', nullable=False))
    # Until now `written_at_ms` was the time at which a dump ended, whether it was written or not. If several dumps have
    # the same name, the file belongs to the one that was written last.
    op.execute(f"""
        UPDATE dumps SET
            state = CASE WHEN failure = '{OVERTAKEN}' THEN 'replaced' WHEN failure IS NOT NULL THEN 'failed'
                WHEN place > 1 THEN 'replaced' ELSE 'written' END::dump_state,
            written_at_ms = CASE WHEN failure IS NULL THEN written_at_ms END,
            failure = nullif(failure, '{OVERTAKEN}')
        FROM (SELECT dump_id, row_number() OVER (
                PARTITION BY filename, failure IS NULL ORDER BY written_at_ms DESC, dump_number DESC) AS place
            FROM dumps WHERE written_at_ms IS NOT NULL) AS ended
        WHERE ended.dump_id = dumps.dump_id""")
    op.create_check_constraint(op.f('dumps_written_has_time'), 'dumps', "CASE state WHEN 'written' THEN written_at_ms IS NOT NULL WHEN 'replaced' THEN true ELSE written_at_ms IS NULL END")
    op.create_check_constraint(op.f('dumps_failed_has_failure'), 'dumps', "state <> 'failed' OR failure IS NOT NULL")
    op.alter_column('dumps', 'written_at_ms', existing_type=sa.BigInteger(), comment=OF_WRITTEN, existing_comment=OF_WRITTEN_BEFORE)
    op.alter_column('dumps', 'failure', existing_type=sa.Text(), comment=OF_FAILURE, existing_comment=OF_FAILURE_BEFORE)


def downgrade() -> None:
    op.alter_column('dumps', 'failure', existing_type=sa.Text(), comment=OF_FAILURE_BEFORE, existing_comment=OF_FAILURE)
    op.alter_column('dumps', 'written_at_ms', existing_type=sa.BigInteger(), comment=OF_WRITTEN_BEFORE, existing_comment=OF_WRITTEN)
    op.drop_constraint(op.f('dumps_failed_has_failure'), 'dumps')
    op.drop_constraint(op.f('dumps_written_has_time'), 'dumps')
    # No column has the time at which a dump failed. Any time will do: earlier versions only check that there is one.
    op.execute(f"""
        UPDATE dumps SET
            failure = CASE state WHEN 'replaced' THEN CASE WHEN written_at_ms IS NULL THEN '{OVERTAKEN}' END
                WHEN 'failed' THEN failure END,
            written_at_ms = CASE WHEN state <> 'waiting' THEN coalesce(written_at_ms, 0) END""")
    op.drop_column('dumps', 'state')
    STATE.drop(op.get_bind())
