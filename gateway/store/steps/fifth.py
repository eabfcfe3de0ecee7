"""Step 5: a release may need several people."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
)

from gateway.store.steps.first import messages

approvals = Table(
    "approvals",
    MetaData(),
    Column("message_id", String(64), ForeignKey(messages.c.id, ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("person", String(320), nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("message_id", "position", "person"),
)


def take(connection: Connection) -> None:
    approvals.create(connection)
