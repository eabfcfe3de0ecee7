"""Statements that every message needs, in a database's own words: built by SQLAlchemy once, then run by the driver.

SQLAlchemy's own way from a statement to the driver takes seven times as long as the statement itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ClauseElement, Dialect
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg

Values = Mapping[str, Any]

_DIALECTS: Mapping[str, Dialect] = {"sqlite": sqlite.dialect(), "postgresql": psycopg.dialect()}  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Text for the driver, and what goes with it."""

    text: str
    fixed: Values  #: values that stand in the statement itself
    order: Sequence[str] | None  #: of the names; None: the driver takes them by name

    def arguments(self, values: Values) -> Any:
        """As the driver takes them."""
        filled = {**self.fixed, **values}
        return filled if self.order is None else [filled[name] for name in self.order]


@cache
def prepared(dialect: str, statement: ClauseElement) -> Prepared:
    """`statement` is one of a module's own, made once: each one is kept."""
    compiled = statement.compile(dialect=_DIALECTS[dialect])
    # What has to be given has none here: forgetting it is a KeyError, not an empty column.
    fixed = {name: value for name, value in compiled.params.items() if not compiled.binds[name].required}  # type: ignore[attr-defined]
    return Prepared(str(compiled), fixed, compiled.positiontup)  # type: ignore[attr-defined]
