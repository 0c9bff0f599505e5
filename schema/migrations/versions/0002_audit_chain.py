"""The audit log's hash chain: a table of links, and the head of each source."""

import sqlalchemy as sa
from alembic import op

from schema import chain

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROWS_PER_LINK = 10_000


def upgrade() -> None:
    op.create_table('audit_chain',
    sa.Column('source', sa.SmallInteger(), nullable=False),
    sa.Column('first_number', sa.BigInteger(), nullable=False),
    sa.Column('last_number', sa.BigInteger(), nullable=False),
    sa.Column('row_checks', sa.LargeBinary(), nullable=False, comment='CRC-32 of each row: which one is bad, once the digest does not fit'),
    sa.Column('digest', sa.LargeBinary(length=32), nullable=False, comment='SHA-256 over the digest before, the rows and their checks'),
    sa.CheckConstraint('first_number BETWEEN 1 AND last_number', name=op.f('audit_chain_numbers_rise')),
    sa.CheckConstraint('length(digest) = 32', name=op.f('audit_chain_digest_whole')),
    sa.CheckConstraint('length(row_checks) = 4 * (last_number - first_number + 1)', name=op.f('audit_chain_checks_whole')),
    sa.PrimaryKeyConstraint('source', 'last_number', name=op.f('audit_chain_pkey'))
    )
    # Checks look like random bytes, so compressing them saves nothing.
    op.execute("ALTER TABLE audit_chain ALTER COLUMN row_checks SET STORAGE EXTERNAL")
    op.add_column('audit_sources', sa.Column('head', sa.LargeBinary(length=32), comment='digest of its newest link'))
    _chain_what_is_there()
    op.alter_column('audit_sources', 'head', nullable=False)


def downgrade() -> None:
    op.drop_column('audit_sources', 'head')
    op.drop_table('audit_chain')


def _chain_what_is_there() -> None:
    """Adds a log that was written before the chain existed to the chain, as this revision finds it."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    with connection.cursor() as cursor:
        for source, stored in cursor.execute("SELECT source, stored FROM audit_sources").fetchall():
            head = chain.genesis(source)
            for first in range(1, stored + 1, ROWS_PER_LINK):
                last = min(first + ROWS_PER_LINK - 1, stored)
                with cursor.copy(f"""
                    COPY (SELECT {', '.join(chain.COLUMNS)} FROM audit_events
                          WHERE source = {source} AND number BETWEEN {first} AND {last} ORDER BY number)
                    TO STDOUT""") as copy:
                    link = chain.link(head, source, first, last, b"".join(map(bytes, copy)))
                cursor.execute("INSERT INTO audit_chain VALUES (%s, %s, %s, %s, %s)", link)
                head = link.digest
            cursor.execute("UPDATE audit_sources SET head = %s WHERE source = %s", (head, source))
