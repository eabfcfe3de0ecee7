"""What the store asks of a database, whichever it is. What one database says in its own way stands in its own file."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection

from gateway.errors import StoreError, StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Failure:
    """A driver's error as ours."""

    error: StoreError
    broken: bool = False  #: nothing that this process does with the store can be trusted any more

    @property
    def away(self) -> bool:
        """The database cannot be reached now, and a second try at once is in vain."""
        return isinstance(self.error, StoreUnavailableError)


class Backend(Protocol):
    """An opened database."""

    @property
    def driver_errors(self) -> tuple[type[Exception], ...]: ...

    @property
    def shared(self) -> bool:
        """Whether other nodes may be at work on it."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction of the single writer, committed at its end. All of them, in all processes, follow one another:
        whoever is in one sees everything that was written before, and nobody writes meanwhile.
        """

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one moment and cannot write."""

    def translate(self, error: Exception) -> Failure:
        """Name the fault of one of `driver_errors`, without the statement's values."""

    def has_room(self, size: int) -> bool: ...

    def forget_deleted(self) -> None:
        """Let what was deleted go out of every file, as far as readers of an older state allow it now."""

    def copy(self, target: Path) -> None:
        """All of it as of one moment, in a file that is there already. Raises BackupError where that is not done."""

    def dispose(self) -> None: ...
