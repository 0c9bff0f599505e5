"""Lets the roles of workers change only their own group's rows in the tables about the ownership of logs."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

TABLES = ("partitions", "replicas", "ownership_spans", "outbox")

# Each role is named after its group. Other logins may own several groups: on a given server, one may serve them all.
OWN_GROUP = """
    'daytrade_' || consumer_group = current_user
    OR current_user <> ALL ('{daytrade_transactions, daytrade_triggers, daytrade_audit, daytrade_quotecache}')"""


def upgrade() -> None:
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY all_groups ON {table} FOR SELECT USING (true)")
        op.execute(f"CREATE POLICY own_group ON {table} USING ({OWN_GROUP})")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP POLICY own_group ON {table}")
        op.execute(f"DROP POLICY all_groups ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
