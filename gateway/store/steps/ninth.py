"""Step 9: nobody counts as two people: tokens belong to accounts, agreements from a terminal bear the login."""

from sqlalchemy import Connection, text


def take(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE approvals ADD COLUMN known_by VARCHAR(320)"))
    connection.execute(text("ALTER TABLE tokens ADD COLUMN account VARCHAR(128)"))
    connection.execute(text("UPDATE tokens SET account = name WHERE name IN (SELECT name FROM accounts)"))
