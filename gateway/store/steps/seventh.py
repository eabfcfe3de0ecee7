"""Step 7: a reviewer may hand a message up to others."""

from sqlalchemy import BigInteger, Column, Connection, ForeignKey, MetaData, PrimaryKeyConstraint, String, Table

from gateway.store.steps.first import messages

escalations = Table(
    "escalations",
    MetaData(),
    Column("message_id", String(64), ForeignKey(messages.c.id, ondelete="CASCADE"), nullable=False),
    Column("person", String(320), nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("message_id", "person"),
)


def take(connection: Connection) -> None:
    escalations.create(connection)
