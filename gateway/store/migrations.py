"""Brings a store of an earlier version up to this one, step by step, each step in one transaction. Never backwards."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, func, insert, inspect, select

from gateway.errors import StoreError
from gateway.store.engine import forbid_changes_of_audit
from gateway.store.schema import metadata, schema_versions

Step = Callable[[Connection], None]


def _first(connection: Connection) -> None:
    metadata.create_all(connection)
    forbid_changes_of_audit(connection)


#: Step n leads from version n to version n + 1. Once released a step is frozen: it then writes out its own tables.
STEPS: tuple[Step, ...] = (_first,)


def migrate(connection: Connection, steps: Sequence[Step] = STEPS) -> int:
    """Take the steps that this store lacks, inside the caller's transaction. Returns how many there were."""
    version = _version(connection)
    if version > len(steps):
        raise StoreError(
            f"the store has version {version}; this program knows only {len(steps)}: use the newer program"
        )
    for number, step in enumerate(steps[version:], start=version + 1):
        step(connection)
        connection.execute(insert(schema_versions).values(version=number))
    return len(steps) - version


def _version(connection: Connection) -> int:
    if not inspect(connection).has_table(schema_versions.name):
        return 0
    return connection.execute(select(func.max(schema_versions.c.version))).scalar() or 0
