"""Adds the table of dead letters, which people can read without removing them.

The dead letters that the outbox still holds are moved into the table.
"""

from typing import TypedDict

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEPT_BYTES_MAX, REASON_CHARACTERS_MAX = 65_536, 500

OLD_QUEUE = "dead-letters"
"""Queue to which earlier versions published dead letters. `./daytradectl declare` moves what it still holds."""


class Headers(TypedDict):
    """Headers of a dead letter in the outbox of an earlier version."""

    stream: str
    offset: int
    reason: str


def upgrade() -> None:
    op.create_table('dead_letters',
    sa.Column('stream', sa.Text(), nullable=False),
    sa.Column('stream_offset', sa.BigInteger(), nullable=False, comment='where the whole message lies in the stream'),
    sa.Column('letter_number', sa.BigInteger(), sa.Identity(), nullable=False, comment='the order in which they were given up'),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('size_bytes', sa.BigInteger(), nullable=False, comment='of the whole message'),
    sa.Column('body', sa.LargeBinary(), nullable=False, comment='how the message begins; all of it where it is not large'),
    sa.Column('given_up_at_ms', sa.BigInteger(), nullable=False, comment='by the clock of the database'),
    sa.CheckConstraint(f'length(body) <= least(size_bytes, {KEPT_BYTES_MAX})', name=op.f('dead_letters_body_bounded')),
    sa.CheckConstraint(f'length(reason) <= {REASON_CHARACTERS_MAX}', name=op.f('dead_letters_reason_bounded')),
    sa.PrimaryKeyConstraint('stream', 'stream_offset', name=op.f('dead_letters_pkey')),
    sa.UniqueConstraint('letter_number', name=op.f('dead_letters_letter_number_key'))
    )
    # A list shows the first bytes of many bodies: uncompressed, only those are read.
    op.execute("ALTER TABLE dead_letters ALTER COLUMN body SET STORAGE EXTERNAL")
    _empty_outbox()


def downgrade() -> None:
    op.drop_table('dead_letters')


def _empty_outbox() -> None:
    """Moves dead letters from the outbox into the table.

    Their queue does not exist any more: an owner that found them after a takeover could not publish them.
    """
    bind = op.get_bind()
    places = bind.execute(sa.text("SELECT consumer_group, partition FROM outbox")).all()
    for group, partition in places:  # one at a time: a row may have some tens of MB
        place = {"consumer_group": group, "partition": partition}
        packed = bind.execute(sa.text(f"SELECT messages FROM outbox {_PLACE}"), place).scalar_one()
        messages = msgspec.msgpack.decode(packed)
        letters = [one for one in messages if (one["exchange"], one["routing_key"]) == ("", OLD_QUEUE)]
        for letter in letters:
            _keep(bind, letter["body"], letter["headers"])
        if letters:
            rest = [one for one in messages if one not in letters]
            row = place | {"messages": msgspec.msgpack.encode(rest)}
            bind.execute(sa.text(f"UPDATE outbox SET messages = :messages {_PLACE}"), row)


def _keep(bind: sa.Connection, body: bytes, headers: Headers) -> None:
    reason = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in headers["reason"])
    letter = {
        "stream": headers["stream"],
        "stream_offset": headers["offset"],
        "reason": reason[:REASON_CHARACTERS_MAX],
        "size_bytes": len(body),
        "body": body[:KEPT_BYTES_MAX],
    }
    bind.execute(sa.text(_KEEP), letter)


_PLACE = "WHERE consumer_group = :consumer_group AND partition = :partition"

_KEEP = """
    INSERT INTO dead_letters (stream, stream_offset, reason, size_bytes, body, given_up_at_ms)
    VALUES (:stream, :stream_offset, :reason, :size_bytes, :body, extract(epoch FROM clock_timestamp()) * 1000)
    ON CONFLICT DO NOTHING"""
