"""Step 5: a release may need several people."""

from sqlalchemy import Connection

from gateway.store.schema import approvals


def take(connection: Connection) -> None:
    approvals.create(connection)
