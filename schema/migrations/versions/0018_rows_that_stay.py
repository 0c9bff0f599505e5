"""Refuses, for every role, to change or remove rows of the history and of the log of record."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TABLES = ("history", "audit_events", "audit_chain")


def upgrade() -> None:
    op.execute("""
        CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
        BEGIN
            RAISE EXCEPTION '% of %: its rows are never changed or removed', TG_OP, TG_TABLE_NAME
                USING HINT = 'Only the owner of the table can lift this: ALTER TABLE ... DISABLE TRIGGER append_only.';
        END $$""")
    for table in TABLES:
        op.execute(f"""
            CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting()""")


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"DROP TRIGGER append_only ON {table}")
    op.execute("DROP FUNCTION refuse_rewriting()")
