"""Brings a store of an earlier version up to this one, step by step, each step in one transaction. Never backwards."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, func, insert, select

from gateway.errors import StoreError
from gateway.store.schema import schema_versions
from gateway.store.steps import eighth, fifth, first, fourth, ninth, second, seventh, sixth, tenth, third

Step = Callable[[Connection], None]

#: Step n leads from version n to version n + 1. Once released a step is frozen: it then writes out its own tables.
STEPS: tuple[Step, ...] = (
    first.take,
    second.take,
    third.take,
    fourth.take,
    fifth.take,
    sixth.take,
    seventh.take,
    eighth.take,
    ninth.take,
    tenth.take,
)


def migrate(connection: Connection, steps: Sequence[Step] = STEPS) -> int:
    """Take the steps that this store lacks, inside the caller's transaction. Returns how many there were."""
    schema_versions.create(connection, checkfirst=True)
    version = connection.execute(select(func.max(schema_versions.c.version))).scalar() or 0
    if version > len(steps):
        raise StoreError(
            f"the store has version {version}; this program knows only {len(steps)}: use the newer program"
        )
    for number, step in enumerate(steps[version:], start=version + 1):
        step(connection)
        connection.execute(insert(schema_versions).values(version=number))
    return len(steps) - version
