"""Step 8: what is learnt from a wrong hold is proposed as a change of the client directory."""

from sqlalchemy import Connection

from gateway.store.schema import proposals


def take(connection: Connection) -> None:
    proposals.create(connection)
