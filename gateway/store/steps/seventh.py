"""Step 7: a reviewer may hand a message up to others."""

from sqlalchemy import Connection

from gateway.store.schema import escalations


def take(connection: Connection) -> None:
    escalations.create(connection)
