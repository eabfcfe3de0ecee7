"""The ninth step of the store: tokens that there are already find the account of their name, and nothing is lost."""

from sqlalchemy import create_engine, insert, select, text

from gateway.store import schema
from gateway.store.steps import fifth, first, ninth


def test_a_token_of_a_users_name_becomes_his() -> None:
    """One of another name belongs to nobody until somebody says whose it is."""
    old = create_engine("sqlite://")
    with old.begin() as connection:
        first.metadata.create_all(connection)
        fifth.take(connection)
        user = {"name": "rita", "role": "reviewer", "password_hash": "x", "created_at": 1}
        connection.execute(insert(first.accounts), user | {"failures": 0, "locked_until": 0})
        for name in ("rita", "siem"):
            connection.execute(insert(first.tokens), {"hash": name, "name": name, "role": "reviewer", "created_at": 1})
        connection.execute(text("INSERT INTO approvals (message_id, position, person, at) VALUES ('m', 0, 'rita', 1)"))

        ninth.take(connection)

        owners = connection.execute(select(schema.tokens.c.name, schema.tokens.c.account)).all()
        agreed = connection.execute(select(schema.approvals.c.person, schema.approvals.c.known_by)).all()
    assert sorted(map(tuple, owners)) == [("rita", "rita"), ("siem", None)]
    assert list(map(tuple, agreed)) == [("rita", None)]
