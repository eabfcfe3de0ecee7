"""Step 6: to whom each sender's mail has gone before is remembered."""

from sqlalchemy import Connection

from gateway.store.schema import acquaintances, address_keys


def take(connection: Connection) -> None:
    for table in (address_keys, acquaintances):
        table.create(connection)
