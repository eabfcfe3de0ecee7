"""The few statements for which SQLAlchemy has no words that every database understands."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import ClauseElement, ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Guard = Callable[[Any], ColumnElement[bool]]  #: given the columns of the row that is to be written

_APPEND_ONLY = {
    "sqlite": tuple(
        f"CREATE TRIGGER audit_no_{verb} BEFORE {verb} ON audit BEGIN SELECT RAISE(ABORT, 'records never change'); END"
        for verb in ("update", "delete")
    ),
    "postgresql": (
        """CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'records never change'; END $$""",
        "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit EXECUTE FUNCTION audit_is_append_only()",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE OR TRUNCATE ON audit EXECUTE FUNCTION audit_is_append_only()",
    ),
}


def forbid_changes_of_audit(connection: Connection) -> None:
    for statement in _APPEND_ONLY[connection.dialect.name]:
        connection.exec_driver_sql(statement)


@cache
def upsert(dialect: str, table: Table, keys: tuple[str, ...], guard: Guard | None) -> ClauseElement:
    """Insert a row, or replace the one with the same `keys` when `guard` lets it go."""
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    new = statement.excluded
    others = {column.name: new[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others, where=guard and guard(new))
