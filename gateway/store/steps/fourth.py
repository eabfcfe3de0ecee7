"""Step 4: what the sender of a message asks to be told of it (RFC 3461) is kept with it."""

from sqlalchemy import Connection, text


def take(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE messages ADD COLUMN asked TEXT"))
