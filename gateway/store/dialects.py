"""The few statements for which SQLAlchemy has no words that every database understands."""

from functools import cache

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite

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
def upsert(dialect: str, table: Table, *keys: str) -> Executable:
    """Insert a row, or replace the one with the same `keys`."""
    statement = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)
