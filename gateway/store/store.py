"""The store: opens it, writes through the one writer, reads beside it. Knows nothing of what is written.

The settings file's `store.url` says where. Several processes may have it open at the same time.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self, TypeVar

from sqlalchemy import Connection, Table, inspect

from gateway.errors import StoreError
from gateway.settings import Settings
from gateway.store import datakeys, home
from gateway.store.acquaintances import Acquaintances
from gateway.store.backend import Backend
from gateway.store.location import open_backend, server
from gateway.store.migrations import migrate
from gateway.store.writer import Work, Writer
from rules.errors import ConfigurationError

Result = TypeVar("Result")
READERS = 2


class Store:
    """Open one with `Store.open(settings)`; close it with `close()` or use it as a context."""

    def __init__(self, settings: Settings, backend: Backend, acquaintances: Acquaintances | None) -> None:
        self.settings = settings
        self.versions: Mapping[str, str] = {}  #: of policy and directory; goes into every record of a verdict
        self.node = secrets.token_hex(8)  #: this process, among all that have the store open
        self.shared = backend.shared  #: other nodes may be at work on it
        self.due = asyncio.Event()  #: set when there is something for the courier
        self.broken: StoreError | None = None  #: set once the disk has failed; this process must end
        self.away = False  #: the last question found no database
        self._backend = backend
        self._acquaintances = acquaintances
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-reader")
        self._writer = Writer(backend, self._break)

    @classmethod
    def open(cls, settings: Settings, *, with_keys: bool = True, moved: bool = False) -> Self:
        """Open, make or bring up to date the store of `settings`. Raises StoreError, ConfigurationError.

        An auditor proves the log `with_keys=False`: no record is sealed, and what is stays shut. `moved`: it may lie
        in another place than before.
        """
        opened = open_backend(settings)
        acquaintances = None
        try:
            with opened.writing() as connection:
                steps = migrate(connection)
                if not moved:
                    home.check(connection)
                if with_keys:
                    datakeys.check(connection)
                    acquaintances = Acquaintances.of(connection)
            if steps:
                opened.forget_deleted()
        except opened.driver_errors as error:
            opened.dispose()
            raise opened.translate(error).error from None
        except (StoreError, ConfigurationError):
            opened.dispose()
            raise
        return cls(settings, opened, acquaintances)

    @property
    def acquaintances(self) -> Acquaintances:
        """To whom each sender's mail has gone before."""
        if self._acquaintances is None:
            raise StoreError("the store was opened without its keys")
        return self._acquaintances

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in a transaction; when this returns it is on the disk. `work` may run twice, and must not wait."""
        return await self._writer.do(work)

    async def read(self, question: Callable[[Connection], Result]) -> Result:
        """Run `question` on a snapshot, beside the writer. Keep it short: a long one keeps the writer waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._ask, question)

    async def copy_to(self, target: Path) -> None:
        """A consistent copy of everything, in a file that is there already."""
        await asyncio.to_thread(self._copy, target)

    async def forget_deleted(self) -> None:
        """What was deleted goes out of every file, unless somebody reads just now: then another time."""
        await asyncio.to_thread(self._forget_deleted)

    def has_room(self, size: int) -> bool:
        """Whether mail of `size` bytes can be kept. Refuse it with 452 before the disk does."""
        return self._backend.has_room(size)

    async def close(self) -> None:
        """Commit what waits, then let go."""
        await asyncio.to_thread(self._close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        self._backend.dispose()

    def _ask(self, question: Callable[[Connection], Result]) -> Result:
        try:
            with self._backend.reading() as connection:
                answer = question(connection)
        except self._backend.driver_errors as error:
            failure = self._backend.translate(error)
            self.away = failure.away
            if failure.broken:
                self._break(failure.error)
            raise failure.error from None
        self.away = False
        return answer

    def _copy(self, target: Path) -> None:
        try:
            self._backend.copy(target)
        except self._backend.driver_errors as error:
            raise self._backend.translate(error).error from None

    def _forget_deleted(self) -> None:
        try:
            self._backend.forget_deleted()
        except self._backend.driver_errors as error:
            raise self._backend.translate(error).error from None

    def _break(self, error: StoreError) -> None:
        self.broken = error


def glance(settings: Settings, table: Table, question: Callable[[Connection], Result]) -> Result | None:
    """Ask a store about one of its tables; None without store or table. Nothing is made, nothing brought up to date.

    Raises StoreError, ConfigurationError.
    """
    if server(settings) is None and not settings.database_file.exists():
        return None
    backend = open_backend(settings)
    try:
        with backend.reading() as connection:
            return question(connection) if inspect(connection).has_table(table.name) else None
    except backend.driver_errors as error:
        raise backend.translate(error).error from None
    finally:
        backend.dispose()
