"""Steps of the store from version to version: what is there stays, and every version finds its way up."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Connection, create_engine, insert, select, text

from gateway.store import schema
from gateway.store.migrations import STEPS
from gateway.store.steps import fifth, first, ninth, seventh, tenth

COLUMNS = yaml.safe_load(Path(__file__).with_name("store_columns.yaml").read_text())


@pytest.fixture
def old() -> Iterator[Connection]:
    with create_engine("sqlite://").begin() as connection:
        yield connection


def test_a_token_of_a_users_name_becomes_his(old: Connection) -> None:
    """One of another name belongs to nobody until somebody says whose it is."""
    first.metadata.create_all(old)
    fifth.take(old)
    user = {"name": "rita", "role": "reviewer", "password_hash": "x", "created_at": 1}
    old.execute(insert(first.accounts), user | {"failures": 0, "locked_until": 0})
    for name in ("rita", "siem"):
        old.execute(insert(first.tokens), {"hash": name, "name": name, "role": "reviewer", "created_at": 1})
    old.execute(text("INSERT INTO approvals (message_id, position, person, at) VALUES ('m', 0, 'rita', 1)"))

    ninth.take(old)

    owners = old.execute(select(schema.tokens.c.name, schema.tokens.c.account)).all()
    agreed = old.execute(select(schema.approvals.c.person, schema.approvals.c.known_by)).all()
    assert sorted(map(tuple, owners)) == [("rita", "rita"), ("siem", None)]
    assert list(map(tuple, agreed)) == [("rita", None)]


@pytest.mark.parametrize("table", [seventh.escalations, schema.escalations], ids=["version 9", "version 9 of one day"])
def test_who_escalated_before_is_still_known(old: Connection, table: schema.Table) -> None:
    """Without the column no held message at all could be read."""
    first.metadata.create_all(old)
    table.create(old)
    old.execute(insert(table), {"message_id": "m", "person": "rita", "at": 1})

    tenth.take(old)

    found = old.execute(select(schema.escalations.c.person, schema.escalations.c.known_by)).all()
    assert list(map(tuple, found)) == [("rita", None)]


def test_no_table_changes_without_a_step() -> None:
    """A column that only new stores have is found by the first customer who has an old one."""
    tables = {table.name: table.columns.keys() for table in schema.metadata.tables.values()}

    assert len(STEPS) == COLUMNS["version"]
    assert tables == COLUMNS["tables"]
