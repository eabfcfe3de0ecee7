"""The parent of the processes under test: loaded once, it forks one service after the other. Knows no trial."""
# ruff: noqa: S101 - that a process has the pipes it was given

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Protocol, Self

from faults import shim
from faults.shim import Page

ROOT = Path(__file__).parent.parent


class Haste(StrEnum):
    """What of a service is quicker than it is shipped. No order of steps changes."""

    NONE = "none"
    TRIAL = "trial"  #: shorter waits and light workers, so that a trial takes a second
    DAYS = "days"  #: housekeeping every few seconds, for a clock that gains hours


class Watcher(Protocol):
    """Who ordered a service."""

    def started(self, pid: int) -> None: ...

    def ended(self, status: int) -> None: ...


class Mother:
    """Made by `loaded`. The page steers the service that was started last, the clock on it all of them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="faults-mother-"))
        self.page = Page(self.folder / "page")
        self.temporary = self.folder / "tmp"  #: of all its services
        self.said: deque[str] = deque(maxlen=400)  #: the service's log
        self._watchers: list[Watcher] = []  #: by the number of the order
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    @asynccontextmanager
    async def loaded(cls) -> AsyncIterator[Self]:
        """Raises RuntimeError with its last words when the product cannot be imported."""
        mother = cls()
        try:
            await mother._load()
            yield mother
        finally:
            await mother._end()

    def order(self, settings: Path, watcher: Watcher, *, haste: Haste, plant: str | None) -> None:
        """Have a service started."""
        self._watchers.append(watcher)
        assert self._process is not None
        assert self._process.stdin is not None
        order = {"settings": str(settings), "haste": haste, "plant": plant}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def _load(self) -> None:
        self.temporary.mkdir()
        library = await asyncio.to_thread(shim.build, self.folder)
        environment = {
            **os.environ,
            "FAULTS_PAGE": str(self.folder / "page"),
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
        }
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "faults.victim", str(os.getpid())),
            cwd=ROOT,
            env=environment | {"LD_PRELOAD": str(library)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        if not await self._process.stdout.readline():
            words = (await self._process.stderr.read()).decode(errors="replace")
            raise RuntimeError(f"the process under test could not be loaded:\n{words}")
        self._tasks = [
            asyncio.create_task(self._follow(self._process.stdout)),
            asyncio.create_task(self._listen(self._process.stderr)),
        ]

    async def _follow(self, told: asyncio.StreamReader) -> None:
        """Number of the order and process when a service has started, number and wait status when it has ended."""
        running = set[int]()
        while line := await told.readline():
            number, detail = map(int, line.split())
            if number in running:
                running.remove(number)
                self._watchers[number].ended(detail)
            else:
                running.add(number)
                self._watchers[number].started(detail)

    async def _listen(self, log: asyncio.StreamReader) -> None:
        while line := await log.readline():
            self.said.append(line.decode(errors="replace").rstrip())

    async def _end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        shutil.rmtree(self.folder, ignore_errors=True)
