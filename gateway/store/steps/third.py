"""Step 3: several nodes may share a store: who wrote a line of the ledger, and which server's database this is."""

from sqlalchemy import Column, Connection, MetaData, Table, Text, text

home = Table("home", MetaData(), Column("identity", Text, primary_key=True))


def take(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE ledger ADD COLUMN node VARCHAR(32)"))
    home.create(connection)
