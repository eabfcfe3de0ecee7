"""What the store asks of a database, whichever it is. What one database says in its own way stands in its own file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine

from gateway.errors import StoreError


@dataclass(frozen=True, slots=True)
class Failure:
    """A driver's error as ours. `broken`: nothing that this process does with the store can be trusted any more."""

    error: StoreError
    broken: bool = False


class Backend(Protocol):
    """An opened database."""

    @property
    def writing(self) -> Engine:
        """For the single writer. Its transactions follow one another, those of other processes included."""

    @property
    def reading(self) -> Engine:
        """For readers: a transaction sees one moment, and cannot write."""

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]: ...

    def translate(self, error: Exception) -> Failure:
        """Name the fault of one of `driver_errors`, without the statement's values."""

    def has_room(self, size: int) -> bool: ...

    def forget_deleted(self) -> None:
        """Let what was deleted go out of every file, as far as readers of an older state allow it now."""

    def copy(self, target: Path) -> None:
        """All of it as of one moment, in a file that is there already."""

    def dispose(self) -> None: ...
