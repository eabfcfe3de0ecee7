"""Where the service under test keeps its store: in a file, or on a server. Asked in SQL, past the product."""

import asyncio
import secrets
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg

from gateway.store.driver import sqlite3
from gateway.store.keys import new_key

PATIENCE = 60.0  #: seconds that a server may be away; whoever asks here is the suite, and no message waits for it


class Keeping(Protocol):
    @property
    def section(self) -> str:
        """Of the settings file."""

    async def ask(self, question: str, *values: object) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class InFile:
    """A database of SQLite in `folder`."""

    folder: Path

    @property
    def section(self) -> str:
        return f'{{url: "sqlite:///{self.folder}/countersign.db"}}'

    async def ask(self, question: str, *values: object) -> list[Any]:
        return await asyncio.to_thread(self._ask, question, values)

    def _ask(self, question: str, values: tuple[object, ...]) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "countersign.db", timeout=10)) as database:
            return database.execute(question, values).fetchall()


@dataclass(frozen=True, slots=True)
class OnServer:
    """A database of PostgreSQL, and the key file that all nodes share."""

    url: str
    key: Path

    @classmethod
    def new(cls, url: str, folder: Path) -> "OnServer":
        key = folder / f"key-{secrets.token_hex(4)}"
        key.write_text(f"{new_key()}\n")
        return cls(url, key)

    @property
    def section(self) -> str:
        return f'{{url: "{self.url}", key: {self.key}}}'

    async def ask(self, question: str, *values: object) -> list[Any]:
        return await asyncio.to_thread(self._ask, question.replace("?", "%s"), values)

    def _ask(self, question: str, values: tuple[object, ...]) -> list[Any]:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with psycopg.connect(self.url, connect_timeout=5) as connection:
                    return connection.execute(question.encode(), values).fetchall()
            except psycopg.OperationalError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)
